"""kill -9 between handing over and writing that down: twice at most, under one name."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from chassis.clock import now
from contract.catalogue import topics
from dev import kafka as kafkas
from dev import postgres as postgreses
from dev.letters import Mail
from dev.mailbox import Mailbox, post_office
from dev.process import running
from tests.invitation.office import booking, email_of
from tests.invitation.service import publish, told
from tests.journeys.suite import until

WITHIN = 90


async def test_what_may_have_left_before_a_kill_leaves_once_more_and_is_settled(
    database: postgreses.Database, kafka: kafkas.Cluster
) -> None:
    await kafkas.create_topics(kafka.servers, topics())
    answering = asyncio.Event()

    async def think() -> None:
        await answering.wait()

    booked = booking(starts_at=now() + timedelta(hours=1), ends_at=now() + timedelta(2))
    async with (
        post_office(before_answer=think) as post,
        running("invitation", told(database, kafka, post.smtp_url)) as invitation,
    ):
        await publish(kafka, booked)
        await arrived(post.mailbox, email_of(booked), 1)
        await invitation.kill()
        answering.set()
        await as_if_the_lease_had_ended(database)
        await invitation.start()

        async def settled() -> bool | None:
            states = await states_of(database, booked.appointment_id)
            return states == ["accepted"] or None

        await until(settled, "it is settled", patience=WITHIN)
        mails = to(post.mailbox.mails, email_of(booked))
    assert len(mails) == 2
    assert len({mail.message["Message-ID"] for mail in mails}) == 1


async def test_a_broker_that_restarts_amid_a_batch_loses_and_doubles_no_e_mail(
    database: postgreses.Database, breakable_kafka: kafkas.ApacheKafka
) -> None:
    kafka = breakable_kafka
    await kafkas.create_topics(kafka.servers, topics())
    times = {
        "starts_at": now() + timedelta(hours=1),
        "ends_at": now() + timedelta(hours=2),
    }
    bookings = [booking(**times) for _ in range(60)]
    async with (
        post_office() as post,
        running("invitation", told(database, kafka, post.smtp_url)),
    ):
        await publish(kafka, *bookings[:40])
        await post.mailbox.until(lambda mails: len(mails) >= 5)
        await kafka.stop()
        await kafka.start()
        await publish(kafka, *bookings[20:])  # a sender in doubt says it again

        async with asyncio.timeout(WITHIN):
            await post.mailbox.until(lambda mails: len(mails) >= len(bookings))

        async def nothing_is_left() -> bool | None:
            states = await states_of(database)
            return set(states) == {"accepted"} or None

        await until(nothing_is_left, "all are settled", patience=WITHIN)
        sent = [len(to(post.mailbox.mails, email_of(each))) for each in bookings]
    assert sent == [1] * len(bookings)


async def arrived(mailbox: Mailbox, email: str, number: int) -> None:
    async with asyncio.timeout(WITHIN):
        await mailbox.until(lambda mails: len(to(mails, email)) >= number)


def to(mails: Sequence[Mail], email: str) -> list[Mail]:
    return [each for each in mails if str(each.message["To"]) == email]


async def states_of(
    database: postgreses.Database, appointment_id: str | None = None
) -> list[str]:
    connection = await asyncpg.connect(database.admin)
    try:
        rows = await connection.fetch(
            """
            SELECT state FROM invitation.delivery
             WHERE appointment_id = coalesce($1, appointment_id)
               AND kind = 'invitation' -- reminders are for later
            """,
            appointment_id,
        )
    finally:
        await connection.close()
    return [row["state"] for row in rows]


async def as_if_the_lease_had_ended(database: postgreses.Database) -> None:
    connection = await asyncpg.connect(database.admin)
    try:
        await connection.execute(
            "UPDATE invitation.delivery SET due_at = now() WHERE state = 'sending'"
        )
    finally:
        await connection.close()
