"""A new LINK_SECRET: everybody who had a link has a new one, and nothing stands still."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
from pydantic import SecretStr

from chassis.refusal import Unavailable
from chassis.sessions import StaffSession
from contract.booking import AppointmentBooked
from services.invitation import link_store
from services.invitation.link import Links
from services.invitation.renewal import Renewal
from tests.invitation.office import (
    HALF_HOUR,
    ORIGIN,
    TEN,
    Office,
    booking,
    cancelled,
    email_of,
)
from tests.invitation.test_companions import asking, companion, issued, letters, token
from tests.invitation.test_faults import desk

AFTER = Links(SecretStr("another secret of thirty-two characters"), ORIGIN)
A_DAY = timedelta(days=1)
STAFF = StaffSession(sid="s", sub="p-1", name="x", units=("u-1",), exp=TEN + 3 * A_DAY)


def reminding(office: Office) -> None:
    rules = office.telling.rules
    reminders = replace(rules.reminders, ahead=(A_DAY,))
    settle_on(office, office.links, replace(rules, reminders=reminders))


def settle_on(office: Office, links: Links, rules: object = None) -> None:
    """As after a restart with this secret."""
    more = {"rules": rules} if rules else {}
    office.links = links
    office.telling = replace(office.telling, links=links, **more)
    office.invitations = replace(office.invitations, telling=office.telling)
    office.oversight = replace(office.oversight, telling=office.telling)
    office.desk = desk(office)


async def with_interpreter(office: Office) -> AppointmentBooked:
    booked = booking()
    said = asking(booked, companion(booked, "interpreter"))
    await office.invitations.changed(said)
    return said


async def opening(office: Office, booked: AppointmentBooked) -> set[str]:
    """The digests of the links that open the appointment, by the newest word of each."""
    until = {
        each["link_digest"]: each["expires_at"] for each in await issued(office, booked)
    }
    now = office.clock().isoformat().replace("+00:00", "Z")
    return {digest for digest, end in until.items() if end > now}


async def test_what_was_queued_before_leaves_with_a_link_that_is_known(
    office: Office,
) -> None:
    booked = [await with_interpreter(office) for _ in range(4)]
    settle_on(office, AFTER)
    await office.deliver()
    for each in booked:
        (patients,) = office.mails(email_of(each))
        (interpreters,) = letters(office, each, "interpreter")
        carried = {
            sha256(token(m).encode()).hexdigest() for m in (patients, interpreters)
        }
        assert carried == await opening(office, each)


async def test_overdue_reminders_of_companions_block_no_e_mail(office: Office) -> None:
    reminding(office)
    booked = [await with_interpreter(office) for _ in range(4)]
    await office.deliver()
    settle_on(office, AFTER)
    office.clock.at = TEN - timedelta(hours=23)
    other = await office.book(
        starts_at=TEN + 9 * A_DAY, ends_at=TEN + 9 * A_DAY + HALF_HOUR
    )
    await office.deliver()
    assert len(office.mails(email_of(other))) == 1
    woken = office.woken
    for _ in range(20):
        assert not await office.invitations.claim(4)
    assert office.woken == woken
    for each in booked:
        last = letters(office, each, "interpreter")[-1]
        assert sha256(token(last).encode()).hexdigest() in await opening(office, each)


@pytest.mark.parametrize("who", ["patient", "interpreter"])
async def test_what_staff_send_again_carries_a_link_that_was_said(
    office: Office, who: str
) -> None:
    booked = await with_interpreter(office)
    await office.deliver()
    settle_on(office, AFTER)
    standing = await office.oversight.standing(booked.appointment_id, STAFF)
    names = {
        str(r.seen.known()[0].role or "patient"): r.name for r in standing.recipients
    }
    await office.oversight.send_again(booked.appointment_id, names[who], STAFF)
    await office.deliver()
    for mails in (
        office.mails(email_of(booked)),
        letters(office, booked, "interpreter"),
    ):
        assert len(mails) == 2
        assert sha256(token(mails[1]).encode()).hexdigest() in await opening(
            office, booked
        )
        assert token(mails[0]) != token(mails[1])


async def test_everybody_is_given_the_new_link_and_the_old_one_opens_nothing(
    office: Office,
) -> None:
    booked = [await with_interpreter(office) for _ in range(3)]
    off = await office.book()
    await office.deliver()
    await office.invitations.changed(cancelled(off, 1))
    await office.deliver()
    old = {digest for each in booked for digest in await opening(office, each)}
    settle_on(office, AFTER)
    office.clock.forward(seconds=1)
    assert await office.invitations.renew_links() == len(booked)
    assert await office.invitations.renew_links() == 0
    await office.deliver()
    for each in booked:
        opens = await opening(office, each)
        assert not opens & old
        for mails in (
            office.mails(email_of(each)),
            letters(office, each, "interpreter"),
        ):
            assert len(mails) == 2
            assert mails[1]["Subject"] == mails[0]["Subject"]
            assert sha256(token(mails[1]).encode()).hexdigest() in opens
    assert len(office.mails(email_of(off))) == 2


async def test_who_was_invited_by_an_old_link_hears_of_the_cancellation(
    office: Office,
) -> None:
    booked = await with_interpreter(office)
    await office.deliver()
    settle_on(office, AFTER)
    await office.invitations.changed(cancelled(booked, 9))
    await office.deliver()
    for mails in (
        office.mails(email_of(booked)),
        letters(office, booked, "interpreter"),
    ):
        assert len(mails) == 2


async def test_an_instance_of_the_old_secret_changes_no_link_of_the_new(
    office: Office,
) -> None:
    booked = await office.book()
    await office.deliver()
    old, before = office.invitations, office.links
    settle_on(office, AFTER)
    await take_over(office)
    await office.invitations.renew_links()
    opens = await opening(office, booked)
    with pytest.raises(Unavailable):
        await old.claim(4)
    with pytest.raises(Unavailable):
        await old.changed(booking())
    assert await opening(office, booked) == opens

    settle_on(office, before)  # the roll-out is taken back
    await take_over(office)
    assert await office.invitations.renew_links() == 1


async def take_over(office: Office) -> None:
    async with office.database.writing() as tx:
        key, at = office.telling.links.key, office.clock()
        await link_store.take_over(tx, key, at)


async def test_a_new_secret_is_taken_up_when_the_service_starts(office: Office) -> None:
    booked = await office.book()
    await office.deliver()
    settle_on(office, AFTER)
    renewing = asyncio.create_task(Renewal(office.invitations).run())
    async with asyncio.timeout(20):
        while len(await issued(office, booked)) < 3:  # noqa: ASYNC110 - it is a table
            await asyncio.sleep(0.02)
    renewing.cancel()
    with suppress(asyncio.CancelledError):
        await renewing
    assert len(await opening(office, booked)) == 1


def test_the_name_of_a_key_tells_nothing_of_it() -> None:
    assert AFTER.key != replace(AFTER, secret=SecretStr("a" * 40)).key
    assert "secret" not in AFTER.key
