"""A cancelled, moved or new booking of one appointment, as signalling hears of it.

It hears who was let in to which slot, and cancellations: in any order, and repeated.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import uuid4

import pytest

from contract.identity import Role
from contract.signalling import CallEnded, CallStarted, EndedBy
from contract.slot import Slot
from services.signalling.domain import Ended, Person, Started
from tests.chassis.kafka import until
from tests.signalling.pages import House, Visit

NOON = datetime(2026, 12, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST = Slot(NOON, 0)
AGAIN = Slot(NOON, 2)  # booked again at the same time, after the cancellation 1
MOVED = Slot(NOON + DAY, 1)

Step = Callable[[House, Visit], Awaitable[None]]


def let_in(slot: Slot) -> Step:
    return lambda house, visit: house.admit(visit, slot=slot)


def called_off(sequence: int) -> Step:
    return lambda house, visit: house.cancel(visit, sequence)


async def enters(house: House, visit: Visit, token: str | None = None) -> str:
    patient = await house.patient(visit)
    await patient.say(type="hello", admission=token, resume=None)
    frame = await patient.hear()
    while frame["type"] == "waiting":
        frame = await patient.hear()
    return str(frame.get("code", frame["type"]))


ORDERS = list(permutations([let_in(FIRST), called_off(1), let_in(AGAIN)]))


@pytest.mark.parametrize("order", ORDERS)
async def test_an_appointment_booked_again_can_be_joined_whatever_came_first(
    open_house: House, visit: Visit, order: tuple[Step, ...]
) -> None:
    for step in (*order, *order[:2]):
        await step(open_house, visit)
    assert await enters(open_house, visit) == "welcome"


@pytest.mark.parametrize(
    "order",
    list(permutations([let_in(FIRST), called_off(1)])),
    ids=["in, off", "off, in"],
)
async def test_an_appointment_that_was_not_booked_again_stays_closed(
    open_house: House, visit: Visit, order: tuple[Step, ...]
) -> None:
    for step in (*order, *order):
        await step(open_house, visit)
    assert await enters(open_house, visit) == "appointment_cancelled"
    token = open_house.signed(visit, visit.patient, "patient", slot=FIRST)
    assert await enters(open_house, visit, token) == "appointment_cancelled"


async def test_the_lobbys_signed_word_opens_a_new_booking_before_the_event_comes(
    open_house: House, visit: Visit
) -> None:
    await open_house.cancel(visit)
    token = open_house.signed(visit, visit.patient, "patient", slot=AGAIN)
    assert await enters(open_house, visit, token) == "welcome"


async def test_a_late_old_cancellation_ends_no_call_of_the_new_booking(
    open_house: House, visit: Visit
) -> None:
    await open_house.admit(visit, slot=AGAIN)
    patient, professional = (
        await open_house.patient(visit),
        await open_house.professional(visit),
    )
    await patient.hello()
    await professional.hello()
    await open_house.cancel(visit, 1)
    await patient.say(type="ice")
    assert (await patient.until("ice"))["type"] == "ice"


async def test_a_cancellation_of_the_new_booking_ends_its_call(
    open_house: House, visit: Visit
) -> None:
    await open_house.cancel(visit, 1)
    await open_house.admit(visit, slot=AGAIN)
    patient = await open_house.patient(visit)
    await patient.hello()
    professional = await open_house.professional(visit)
    await professional.hello()
    await open_house.cancel(visit, 3)
    for page in (patient, professional):
        assert (await page.refusal())[0] == "appointment_cancelled"


async def test_who_was_let_in_to_the_time_before_is_not_let_in_to_the_new_one(
    open_house: House, visit: Visit
) -> None:
    """Whichever of the two is heard of first."""
    relative = str(uuid4())
    await open_house.admit(visit, relative, FIRST)
    await open_house.admit(visit, slot=MOVED)
    guest = await open_house.guest(visit, relative, "relative")
    await guest.say(type="hello", admission=None, resume=None)
    assert (await guest.refusal())[0] == "not_admitted"
    assert await enters(open_house, visit) == "welcome"


async def test_a_move_that_comes_amid_the_call_shows_nobody_out(
    open_house: House, visit: Visit
) -> None:
    await open_house.admit(visit, slot=FIRST)
    patient = await open_house.patient(visit)
    await patient.hello()
    await open_house.admit(visit, str(uuid4()), MOVED)
    await patient.say(type="ice")
    assert (await patient.until("ice"))["type"] == "ice"


async def test_who_is_sent_back_leaves_though_somebody_was_let_in_to_the_new_time(
    open_house: House, visit: Visit
) -> None:
    await open_house.admit(visit, slot=FIRST)
    patient = await open_house.patient(visit)
    await patient.hello()
    await open_house.admit(visit, str(uuid4()), MOVED)
    await open_house.take_back(visit, slot=FIRST)
    assert (await patient.refusal())[0] == "not_admitted"


async def test_calls_say_which_slot_they_are_about(
    open_house: House, visit: Visit
) -> None:
    """Also where the signed word alone told it."""
    patient, professional = (
        await open_house.patient(visit),
        await open_house.professional(visit),
    )
    for page, member, role in (
        (patient, visit.patient, "patient"),
        (professional, visit.professional, "professional"),
    ):
        await page.hello(open_house.signed(visit, member, role, slot=MOVED))
    await professional.say(type="leave", for_everyone=True)
    await patient.until("ended")

    async def both() -> bool:
        return len(await open_house.said(visit)) > 1

    await until(both)
    said = await open_house.said(visit)
    assert [(type(each), each.slot) for each in said] == [  # type: ignore[attr-defined]
        (CallStarted, MOVED),
        (CallEnded, MOVED),
    ]


async def test_the_end_of_yesterdays_call_does_not_close_todays(
    open_house: House, visit: Visit
) -> None:
    """However late it was written."""
    elsewhere, appointment = open_house.elsewhere, visit.appointment
    await open_house.admit(visit, slot=FIRST)
    late = datetime.now(UTC) + timedelta(minutes=5)
    ended = Ended(appointment, None, late, EndedBy.PATIENT)
    await elsewhere.write(ended)
    assert await enters(open_house, visit) == "call_over"
    await open_house.admit(visit, slot=MOVED)
    assert await enters(open_house, visit) == "welcome"


async def test_a_call_that_was_left_open_yesterday_is_not_todays(
    house: House, visit: Visit
) -> None:
    """Every instance was down when it ended."""
    elsewhere, appointment = house.elsewhere, visit.appointment
    await house.admit(visit, slot=FIRST)
    at = datetime.now(UTC)
    await elsewhere.write(Started(appointment, at, admitted_at=at))
    async with house.database.writing() as tx:
        await tx.execute(
            "UPDATE call SET heard_at = now() - interval '1 day' WHERE appointment_id = $1",
            appointment,
        )
    await house.admit(visit, slot=MOVED)
    standing = await elsewhere.standing(appointment)
    assert standing.call is None
    patient = Person(appointment, visit.patient, Role.PATIENT)
    assert standing.admitted_since(patient, None) is not None
    at = datetime.now(UTC)
    await elsewhere.write(Started(appointment, at, admitted_at=at))
    said = await house.said(visit)
    assert [(each.topic, each.slot) for each in said] == [  # type: ignore[attr-defined]
        ("call.started", FIRST),
        ("call.ended", FIRST),
        ("call.started", MOVED),
    ]


async def test_a_call_that_goes_on_while_its_appointment_is_moved_is_of_the_new_time(
    house: House, visit: Visit, database_url: str
) -> None:
    """Also to those who come back on another instance: they are in one call all along."""
    async with house.instances(database_url, 3) as instances:
        await house.admit(visit, slot=FIRST)
        patient = await instances[0].patient(visit)
        await patient.hello()
        professional = await instances[1].professional(visit)
        await professional.hello()
        await patient.until("joined")
        await until(lambda: _said(house, visit, ("call.started", FIRST)))
        token = house.signed(visit, visit.patient, "patient", slot=MOVED)
        again = await instances[2].patient(visit)
        assert (await again.hello(token))["started_at"] is not None
        back = await instances[0].professional(visit)
        token = house.signed(visit, visit.professional, "professional", slot=MOVED)
        assert (await back.hello(token))["started_at"] is not None
        await again.until("joined")
        await back.say(type="leave", for_everyone=True)
        expected = ("call.started", FIRST), ("call.ended", MOVED)
        await until(lambda: _said(house, visit, *expected))


async def _said(house: House, visit: Visit, *expected: tuple[str, Slot]) -> bool:
    said = await house.said(visit)
    return [(each.topic, each.slot) for each in said] == list(expected)  # type: ignore[attr-defined]


async def test_what_was_cancelled_before_slots_opens_for_who_is_let_in_to_one(
    open_house: House, visit: Visit
) -> None:
    async with open_house.database.writing() as tx:
        await tx.execute(
            "INSERT INTO cancellation (appointment_id, at) VALUES ($1, now())",
            visit.appointment,
        )
    assert await enters(open_house, visit) == "appointment_cancelled"
    await open_house.admit(visit)
    assert await enters(open_house, visit) == "appointment_cancelled"
    await open_house.admit(visit, slot=AGAIN)
    assert await enters(open_house, visit) == "welcome"
