"""The service as it is put together: a booking on Kafka becomes an e-mail."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
import pytest_asyncio
from aiohttp import web
from pydantic import SecretStr

from chassis.clock import now
from chassis.smtp import Tls
from contract.catalogue import topics
from dev import kafka as kafkas
from dev import postgres as postgreses
from dev.letters import Mail
from dev.mailbox import Post, post_office
from services.invitation.app import assemble
from services.invitation.settings import Settings
from tests.invitation.office import SECRET, booking, cancelled, email_of
from tests.invitation.service import publish


@pytest_asyncio.fixture(loop_scope="session")
async def post() -> AsyncIterator[Post]:
    async with post_office() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def service(
    database: postgreses.Database, kafka: kafkas.Cluster, post: Post
) -> AsyncIterator[None]:
    await kafkas.create_topics(kafka.servers, topics())
    settings = Settings(
        database_url=SecretStr(database.services["invitation"]),
        kafka_servers=kafka.servers,
        kafka_fetch_wait_ms=20,
        public_url="https://visit.test",
        session_keys_url="http://127.0.0.1:1/",
        link_secret=SECRET,
        smtp_url=SecretStr(post.smtp_url),
        smtp_tls=Tls.NEVER,
        mail_from="Testi <t@visit.test>",
    )
    runner = web.AppRunner(assemble(settings))
    await runner.setup()
    yield
    await runner.cleanup()


@pytest.mark.usefixtures("service")
async def test_a_booking_on_kafka_becomes_one_e_mail_however_often_it_is_said(
    kafka: kafkas.Cluster, post: Post
) -> None:
    soon = now() + timedelta(hours=1)
    times = {"starts_at": soon, "ends_at": soon + timedelta(minutes=30)}
    first, other = booking(**times), booking(**times)
    await publish(kafka, first, first, first, other)
    ours = {email_of(first), email_of(other)}  # others book on this Kafka too

    def to_us(mails: Sequence[Mail]) -> list[str]:
        told = [str(mail.message["To"]) for mail in mails]
        return sorted(each for each in told if each in ours)

    async with asyncio.timeout(60):
        await post.mailbox.until(lambda mails: len(to_us(mails)) >= 2)
    await publish(kafka, cancelled(first, 1))
    async with asyncio.timeout(60):
        await post.mailbox.until(lambda mails: len(to_us(mails)) >= 3)

    wanted = [email_of(first), email_of(first), email_of(other)]
    assert to_us(post.mailbox.mails) == sorted(wanted)
