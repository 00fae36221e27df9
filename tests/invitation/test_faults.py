"""What is wrong with one e-mail ends that one; what is wrong with all of them ends none."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from chassis.outcome import Accepted, NotNow
from chassis.sending import State
from contract.booking import AppointmentBooked
from services.invitation import delivery_store, store
from services.invitation.domain import Delivery
from services.invitation.flows import LEASE
from services.invitation.link import Links
from services.invitation.mail import Desk
from tests.invitation.office import ORIGIN, UNIT, Office, email_of
from tests.invitation.test_delivery import failures
from tests.logbook import listening

HALF_A_CHARACTER = SecretStr("\ud800" * 32)  # no secret that anything can be made with
MANY = 4  # connections to the mail server

ODD_ADDRESSES = (
    *("anna@[gmail.com", "anna@]gmail.com", "anna@[", "[@]", "(@)", "<@>", '"@x.test'),
    *("a b@c.test", "a@b..test", "a@b,c.test", "a@(b", "a@" + "b" * 64 + ".test"),
    *("@", "@@@", "a@", "å@[å", "=?utf-8?q?a?=@[b", ":;@[::1"),
)
ODD_PAGES = ("https://[x", "https://x]y", "https://[videomottagning.example.fi/enhet")


def to(address: str) -> dict[str, Any]:
    return {"patient": {"name": "Testi", "email": address, "language": "sv"}}


def at_page(url: str) -> dict[str, Any]:
    return {"unit": {**UNIT, "url": url}}


def tries(cause: str) -> float:
    labels = {"outcome": "not_now", "cause": cause}
    return REGISTRY.get_sample_value("invitation_tries_total", labels) or 0


async def unreadable(office: Office, booked: AppointmentBooked) -> None:
    """As a row may be after an upgrade was taken back, or a mistaken repair."""
    async with office.database.writing() as tx:
        await tx.execute(
            "UPDATE appointment SET unit_name = '{}' WHERE appointment_id = $1",
            booked.appointment_id,
        )


async def state(office: Office, booked: AppointmentBooked) -> State:
    (delivery,) = await office.deliveries(booked.appointment_id)
    return delivery.state


async def running(office: Office, enough: Callable[[Sequence[Any]], bool]) -> None:
    """The postman at work over several connections, until enough e-mails have come."""
    lines = [office.connect(office.smtp_url) for _ in range(MANY)]
    work = asyncio.create_task(office.postman(*lines).run())
    async with asyncio.timeout(20):
        await office.mailbox.until(enough)
    assert not work.done()
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


@pytest.mark.parametrize("odd", [*map(to, ODD_ADDRESSES), *map(at_page, ODD_PAGES)])
async def test_what_cannot_be_put_into_an_e_mail_ends_alone(
    office: Office, odd: dict[str, Any]
) -> None:
    bad = [await office.book(**odd) for _ in range(MANY)]
    good = [await office.book() for _ in range(MANY)]
    await running(office, lambda mails: len(mails) == len(good))

    assert {await state(office, each) for each in good} == {State.ACCEPTED}
    for each in bad:
        assert await state(office, each) is State.FAILED
        (reason,) = await failures(office, each.appointment_id)
        assert reason in {"address_refused", "unwritable"}


async def test_what_cannot_be_written_is_logged_by_ids_alone(office: Office) -> None:
    bad = await office.book(**at_page("https://[secret-page.test"))
    with listening() as written:
        await office.deliver()

    complaint, tried = map(json.loads, written.getvalue().splitlines())
    (delivery,) = await office.deliveries(bad.appointment_id)
    assert complaint["delivery_id"] == tried["delivery_id"] == str(delivery.delivery_id)
    assert complaint["error"] == "ValueError"
    for hidden in (email_of(bad), "secret-page"):
        assert hidden not in written.getvalue()


async def test_a_signature_that_fails_on_one_e_mail_ends_that_one(
    office: Office,
) -> None:
    bad, good = await office.book(), await office.book()

    def sign(content: bytes) -> bytes:
        if email_of(bad).encode() in content:
            raise TypeError
        return content

    office.desk = desk(office, sign=sign)
    await office.deliver()
    assert await failures(office, bad.appointment_id) == ["unwritable"]
    assert await state(office, good) is State.ACCEPTED


def desk(office: Office, **more: Any) -> Desk:
    catalogue, sender = office.catalogue, "Testi <t@visit.test>"
    return Desk(office.links, office.letters, catalogue, sender, **more)


async def test_a_key_that_signs_nothing_ends_no_e_mail_and_all_leave_once_it_is_mended(
    office: Office,
) -> None:
    def sign(_: bytes) -> bytes:
        raise ValueError

    booked = [await office.book() for _ in range(MANY)]
    well, office.desk = office.desk, desk(office, sign=sign)
    before = tries("fault")
    for _ in range(6):
        await office.deliver()
        office.clock.forward(minutes=20)
    assert {await state(office, each) for each in booked} == {State.QUEUED}
    assert tries("fault") >= before + 4 * MANY

    office.desk = well
    office.clock.forward(hours=1)
    await office.deliver()
    assert {await state(office, each) for each in booked} == {State.ACCEPTED}


async def test_a_text_that_is_missing_holds_up_only_what_it_is_missing_in(
    office: Office,
) -> None:
    swedish = await office.book()
    finnish = await office.book(
        patient={"name": "Testi", "email": "testi@suomi.test", "language": "fi"}
    )
    broken = {k: w for k, w in office.catalogue.items() if k == "sv"}
    office.letters._catalogue = broken  # noqa: SLF001 - as after a mistaken edit
    await office.deliver()
    assert await state(office, swedish) is State.ACCEPTED
    assert await state(office, finnish) is State.QUEUED


async def test_what_a_fault_holds_up_is_not_claimed_again_at_once(
    office: Office,
) -> None:
    def sign(_: bytes) -> bytes:
        raise ValueError

    booked = await office.book()
    office.desk = desk(office, sign=sign)
    woken = office.woken
    await office.deliver()
    for _ in range(20):
        assert not await office.invitations.claim(MANY)
    assert office.woken == woken
    (delivery,) = await office.deliveries(booked.appointment_id)
    assert (delivery.attempts, delivery.state) == (1, State.QUEUED)
    assert not delivery.doubt


async def test_an_appointment_that_cannot_be_read_is_set_aside_and_the_others_go(
    office: Office,
) -> None:
    bad = [await office.book() for _ in range(MANY)]
    for each in bad:
        await unreadable(office, each)
    good = [await office.book() for _ in range(MANY)]
    before = tries("fault")
    await running(office, lambda mails: len(mails) == len(good))

    assert {await state(office, each) for each in good} == {State.ACCEPTED}
    for each in bad:
        (delivery,) = await office.deliveries(each.appointment_id)
        assert (delivery.state, delivery.attempts) == (State.QUEUED, 1)
        assert delivery.due_at > office.clock()
    assert tries("fault") == before + MANY
    woken = office.woken
    assert not await office.invitations.claim(MANY)
    assert office.woken == woken


async def test_who_sets_aside_waits_for_who_holds_the_appointment(
    office: Office,
) -> None:
    """What that one has ended has not failed, and nobody is told so."""
    booked = await office.book()
    (delivery,) = await office.deliveries(booked.appointment_id)

    async def set_aside() -> Sequence[Delivery]:
        async with office.database.writing() as tx:
            return await delivery_store.set_aside(
                tx, booked.appointment_id, office.clock(), timedelta(0)
            )

    async with office.database.writing() as tx:
        await store.hold(tx, booked.appointment_id)
        setting_aside = asyncio.create_task(set_aside())
        async with asyncio.timeout(20):
            while not setting_aside.done() and not await waits_for_a_lock(office):  # noqa: ASYNC110 - nobody announces it
                await asyncio.sleep(0.01)
        ended = delivery.obsolete(office.clock())
        await delivery_store.put(tx, booked.appointment_id, ended)
    assert await setting_aside == []
    assert await state(office, booked) is State.OBSOLETE


async def waits_for_a_lock(office: Office) -> bool:
    async with office.database.reading() as tx:
        waiting: bool = await tx.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        )
    return waiting


async def test_what_cannot_be_read_for_a_day_has_failed_and_staff_are_told(
    office: Office,
) -> None:
    booked = await office.book()
    await unreadable(office, booked)
    for _ in range(60):
        await office.deliver()
        office.clock.forward(minutes=30)
    assert await failures(office, booked.appointment_id) == ["unwritable"]
    assert await state(office, booked) is State.FAILED


async def test_links_that_cannot_be_made_end_nothing(office: Office) -> None:
    booked = [await office.book() for _ in range(MANY)]
    links = Links(HALF_A_CHARACTER, ORIGIN)
    well = office.invitations
    office.invitations = replace(well, telling=replace(office.telling, links=links))
    await office.deliver()
    assert {await state(office, each) for each in booked} == {State.QUEUED}

    office.invitations = well
    office.clock.forward(minutes=2)
    await office.deliver()
    assert {await state(office, each) for each in booked} == {State.ACCEPTED}


@pytest.mark.parametrize("outcome", [Accepted(), NotNow(), NotNow(doubt=True)])
async def test_what_has_been_handed_over_is_settled_whatever_follows_from_it(
    office: Office, outcome: Accepted | NotNow
) -> None:
    booked = await office.book()
    claimed = await office.claim()
    assert claimed is not None
    await unreadable(office, booked)
    settled = await office.invitations.settle(claimed, outcome)

    (delivery,) = await office.deliveries(booked.appointment_id)
    assert settled == delivery
    took = outcome == Accepted()
    assert delivery.state is (State.ACCEPTED if took else State.QUEUED)
    assert delivery.doubt is (outcome == NotNow(doubt=True))
    topics = [topic for topic, _ in await office.said(booked.appointment_id)]
    assert topics == ["invitation.issued", *["invitation.sent"] * took]


async def test_who_lost_the_lease_settles_nothing_though_it_cannot_be_read(
    office: Office,
) -> None:
    booked = await office.book()
    slow = await office.claim()
    office.clock.forward(seconds=LEASE.total_seconds())
    assert await office.claim() is not None
    assert slow is not None
    await unreadable(office, booked)
    assert await office.invitations.settle(slow, Accepted()) is None
    assert await state(office, booked) is State.SENDING


async def test_a_delivery_that_is_for_nobody_ends_with_a_reason(
    office: Office,
) -> None:
    booked = await office.book()
    await office.deliver()
    async with office.database.writing() as tx:
        await tx.execute(
            """
            INSERT INTO delivery (delivery_id, appointment_id, kind, revision,
                                  link_digest, state, attempts, due_at, doubt, created_at,
                                  role, wanted_at)
            SELECT gen_random_uuid(), appointment_id, 'invitation', 1, digest, 'queued',
                   0, $2, false, $2, 'relative', $2
              FROM appointment, (VALUES ('one'), ('two'), ('three'), ('four')) AS of (digest)
             WHERE appointment_id = $1
            """,
            booked.appointment_id,
            office.clock(),
        )
    good = await office.book()
    await office.deliver()
    assert await state(office, good) is State.ACCEPTED
    _, *orphans = await office.deliveries(booked.appointment_id)
    assert {(each.state, each.reason) for each in orphans} == {
        (State.OBSOLETE, "no_recipient")
    }
