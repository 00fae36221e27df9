"""From a booking on Kafka to the mailbox and back, through a county's mail server."""

import asyncio
import json
from collections import Counter
from datetime import timedelta

import pytest

from chassis.clock import now
from contract.catalogue import topics
from dev import kafka as kafkas
from dev import postgres as postgreses
from dev import programs
from dev.mailbox import post_office
from dev.process import running
from tests import postfix as postfixes
from tests.invitation.office import Server, booking, email_of
from tests.invitation.service import publish, told
from tests.journeys.booking_system import heard
from tests.journeys.suite import until

AT_ONCE = 200
WITHIN = 20  # seconds


@pytest.mark.skipif(postfixes.missing() is not None, reason=postfixes.MISSING)
async def test_what_comes_back_from_the_next_mail_server_is_said_on_kafka(
    database: postgreses.Database, kafka: kafkas.Cluster
) -> None:
    await kafkas.create_topics(kafka.servers, topics())
    server, box = Server(), programs.free_port()
    soon = {"starts_at": now() + timedelta(1), "ends_at": now() + timedelta(2)}
    good, bad = booking(**soon), booking(**soon)
    server.answers(email_of(bad), "550 5.1.1 nobody here")
    async with (
        post_office(refuse=server) as post,
        postfixes.postfix(post.smtp_url, box) as postfix,
        running(
            "invitation",
            {
                **told(database, kafka, postfix.smtp_url),
                "BOUNCE_LISTEN": f"127.0.0.1:{box}",
            },
        ) as invitation,
    ):
        await publish(kafka, good, bad)
        async with asyncio.timeout(WITHIN):
            await post.mailbox.until(
                lambda mails: (
                    [str(each.message["To"]) for each in mails] == [email_of(good)]
                )
            )

        async def said() -> list[str] | None:
            found = await heard(kafka.servers, "invitation.failed", bad.appointment_id)
            return [json.loads(each.value() or b"")["reason"] for each in found] or None

        reasons = await until(said, "invitation.failed is said", patience=WITHIN)
        log = invitation.log()
    assert reasons == ["address_refused"]
    assert "@example.test" not in log
    assert "bounces+" not in log


async def test_two_hundred_who_are_booked_at_once_get_exactly_one_e_mail_each(
    database: postgreses.Database, kafka: kafkas.Cluster
) -> None:
    """`make bench` does this with two thousand, and says how long it takes."""
    await kafkas.create_topics(kafka.servers, topics())
    soon = {"starts_at": now() + timedelta(1), "ends_at": now() + timedelta(2)}
    bookings = [booking(**soon) for _ in range(AT_ONCE)]
    async with (
        post_office() as post,
        running("invitation", told(database, kafka, post.smtp_url)),
    ):
        await publish(kafka, *bookings, *bookings)  # and each is said twice
        async with asyncio.timeout(WITHIN):
            await post.mailbox.until(lambda mails: len(mails) >= AT_ONCE)
    sent = Counter(str(each.message["To"]) for each in post.mailbox.mails)
    assert sent == dict.fromkeys(map(email_of, bookings), 1)
