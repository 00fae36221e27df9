"""A database that is read-only for a while, as in a fail-over: nothing is lost or given up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp
import asyncpg

from chassis.clock import now
from contract.catalogue import topics
from dev import kafka as kafkas
from dev import postgres as postgreses
from dev.mailbox import post_office
from dev.process import Process, running
from tests.invitation.office import booking, email_of
from tests.invitation.service import publish, told
from tests.journeys.suite import until

READ_ONLY_SECONDS = 10
WITHIN = 30  # seconds
TASKS_UP_WITHIN = 60  # a task counts as up when it has run for half of that


@asynccontextmanager
async def read_only(
    postgres: postgreses.Server, database: postgreses.Database
) -> AsyncIterator[None]:
    """For one service, from its next transaction on, connections of before included."""
    url = urlsplit(database.services["invitation"])
    role, name = url.username, url.path.strip("/")
    admin = await asyncpg.connect(postgres.admin)

    async def become(on: str) -> None:
        await admin.execute(
            f'ALTER ROLE "{role}" IN DATABASE "{name}" '
            f"SET default_transaction_read_only = {on}"
        )
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1",
            role,
        )

    try:
        await become("on")
        yield
    finally:
        await become("off")
        await admin.close()


async def asked(service: Process, path: str) -> tuple[int, str]:
    """What operations' own port answers."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{service.operations}{path}") as answer,
    ):
        return answer.status, await answer.text()


async def series(service: Process, name: str) -> dict[str, float]:
    """Its metrics that begin so, by their labels."""
    _, text = await asked(service, "/metrics")
    lines = text.splitlines()
    found = (line.rsplit(" ", 1) for line in lines if line.startswith(name))
    return {labels: float(value) for labels, value in found}


async def test_after_a_read_only_while_every_letter_leaves_and_none_is_given_up(
    postgres: postgreses.Server, database: postgreses.Database, kafka: kafkas.Cluster
) -> None:
    await kafkas.create_topics(kafka.servers, topics())
    soon = {"starts_at": now() + timedelta(1), "ends_at": now() + timedelta(2)}
    bookings = [booking(**soon) for _ in range(6)]
    async with (
        post_office() as post,
        running("invitation", told(database, kafka, post.smtp_url)) as invitation,
    ):
        await publish(kafka, *bookings[:2])
        async with asyncio.timeout(WITHIN):
            await post.mailbox.until(lambda mails: len(mails) == len(bookings[:2]))
        async with read_only(postgres, database):
            await publish(kafka, *bookings[2:4])
            await asyncio.sleep(READ_ONLY_SECONDS)
            assert await asked(invitation, "/ready") == (200, "ready\n")
            told_of = await series(invitation, "chassis_database_unavailable_total{")
            assert any('code="25006"' in labels for labels in told_of)
        await publish(kafka, *bookings[4:])
        async with asyncio.timeout(WITHIN):
            await post.mailbox.until(lambda mails: len(mails) >= len(bookings))

        async def all_up() -> bool | None:
            return all((await series(invitation, "chassis_task_up{")).values()) or None

        await until(all_up, "its tasks are up", TASKS_UP_WITHIN)
        consumed = await series(invitation, "chassis_heard_total{")
    assert not [each for each in consumed if 'outcome="parked"' in each]
    sent = sorted(str(each.message["To"]) for each in post.mailbox.mails)
    assert sent == sorted(map(email_of, bookings))
