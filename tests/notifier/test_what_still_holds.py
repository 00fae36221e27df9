"""A message leaves while what it tells still holds, in whatever order things are heard."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.logs import log
from chassis.outcome import NotNow, Outcome
from contract.booking import AppointmentRescheduled, Change
from contract.envelope import Event
from contract.lobby import (
    AppointmentMissed,
    AppointmentUnserved,
    PatientRefused,
)
from contract.signalling import CallEnded, CallStarted
from contract.slot import Slot, SlotEvent
from services.notifier.bells import Bells
from services.notifier.flows import Notifier
from services.notifier.message import Channel
from services.notifier.messages import LEASE
from services.notifier.waking import Waking
from tests.chassis.conftest import NINE
from tests.notifier.desk import (
    HOUR,
    Desk,
    admitted_at,
    at,
    away,
    back,
    late,
    left,
    read,
    summoned,
    waiting_at,
    who,
    with_texts,
    written,
)
from tests.notifier.events import PATIENT, cancelled

OLD, NEW = Slot(NINE, 0), Slot(NINE + HOUR, 1)
OF_IT: dict[str, Any] = {"source": "/lobby", "appointment_id": "a-1"}


def move(hours: float = 1, sequence: int = 1) -> AppointmentRescheduled:
    starts_at = NINE + hours * HOUR
    return AppointmentRescheduled(
        source="/booking-system",
        appointment_id="a-1",
        sequence=sequence,
        starts_at=starts_at,
        ends_at=starts_at + HOUR,
    )


def longer() -> AppointmentRescheduled:
    return move(0).model_copy(update={"ends_at": NINE + 2 * HOUR})


def refused_at(minutes: float) -> Event:
    return PatientRefused(
        **OF_IT, person_id=PATIENT, at=at(minutes), professional_id="p1"
    )


def ended(minutes: float) -> Event:
    return CallEnded(**OF_IT, at=at(minutes), seconds=60)


def about(event: Event, slot: Slot) -> Event:
    assert isinstance(event, SlotEvent)
    return event.about(slot)


MEANWHILE = {
    "back": back(5.2),
    "admitted": admitted_at(5.2),
    "left": left(5.2),
    "refused": refused_at(5.2),
    "ended": ended(5.2),
    "missed": AppointmentMissed(**OF_IT, at=at(5.2)),
    "unserved": AppointmentUnserved(**OF_IT, at=at(5.2), waiting_since=at(1)),
    "cancelled": cancelled(),
    "moved": move(),
}
TRIES: dict[str, Outcome | None] = {
    "503": NotNow(),
    "in doubt": NotNow(doubt=True),
    "asked for peace": NotNow(after=timedelta(seconds=40)),
    "the courier fell": None,
}


async def tried(desk: Desk, outcome: Outcome | None) -> None:
    """What was claimed comes back, and is due again."""
    if outcome is None:
        desk.watch.turn(LEASE)
    desk.watch.turn(timedelta(seconds=50))
    await desk.deliver()


@pytest.mark.parametrize("outcome", TRIES.values(), ids=TRIES.keys())
@pytest.mark.parametrize("meanwhile", MEANWHILE.values(), ids=MEANWHILE.keys())
async def test_a_summons_that_was_being_sent_is_not_sent_again_to_whom_it_is_of_no_use(
    desk: Desk, meanwhile: Event, outcome: Outcome | None
) -> None:
    await desk.hear(with_texts(), who(), waiting_at(1), away(2), summoned(5))
    desk.watch.shows = at(5)
    claimed = await desk.messages.claim(Channel.SMS)
    assert claimed is not None
    await desk.hear(meanwhile)
    if outcome is not None:
        await desk.messages.settle(claimed, outcome)
    await tried(desk, outcome)
    assert [each for each in desk.texts if "din tur" in each["text"]] == []
    assert "your_turn obsolete" in await desk.states(Channel.SMS)


@pytest.mark.parametrize("meanwhile", MEANWHILE.values(), ids=MEANWHILE.keys())
async def test_a_summons_is_judged_again_after_a_restart(
    desk: Desk, meanwhile: Event
) -> None:
    """Another instance, that knows what stands in the database and nothing else."""
    await desk.hear(with_texts(), who(), waiting_at(1), away(2), summoned(5))
    browser = await desk.browser()
    await desk.hear(meanwhile)
    await desk.close()
    desk.__post_init__()
    desk.watch.shows = at(6)
    await desk.deliver()
    assert [each for each in desk.texts if "din tur" in each["text"]] == []
    assert [each for each in browser.shown if each["subject"] == "your_turn"] == []


OF_THE_DELAY = {
    "moved": move(),
    "cancelled": cancelled(),
    "on time again": late(0, 2),
    "another delay": late(40, 2),
    "came": waiting_at(2),
    "begun": CallStarted(**OF_IT, at=at(2)),
    "over": ended(2),
    "admitted": admitted_at(2),
}


@pytest.mark.parametrize("outcome", TRIES.values(), ids=TRIES.keys())
@pytest.mark.parametrize("meanwhile", OF_THE_DELAY.values(), ids=OF_THE_DELAY.keys())
async def test_a_delay_that_is_true_no_more_is_not_sent_again(
    desk: Desk, meanwhile: Event, outcome: Outcome | None
) -> None:
    await desk.hear(with_texts(), who(), left(0.5), late(20, 1))
    claimed = await desk.messages.claim(Channel.SMS)
    assert claimed is not None
    await desk.hear(meanwhile)
    if outcome is not None:
        await desk.messages.settle(claimed, outcome)
    await tried(desk, outcome)
    assert [each for each in desk.texts if "20 minuter" in each["text"]] == []


async def test_the_end_of_a_delay_that_was_never_told_is_not_told(desk: Desk) -> None:
    await desk.hear(with_texts(), late(20, 1), late(0, 2))
    await desk.deliver()
    assert desk.texts == []


async def test_a_delay_stays_true_when_only_the_end_moves(desk: Desk) -> None:
    await desk.hear(with_texts(), late(30, 1))
    await desk.deliver()
    await desk.hear(longer(), late(0, 3))
    await desk.deliver()
    assert ["håller" in each["text"] for each in desk.texts] == [False, True]


async def test_a_message_that_was_read_is_not_pushed_again(desk: Desk) -> None:
    await desk.hear(with_texts(agreed=False), who(), waiting_at(1), away(2))
    browser = await desk.browser()
    await desk.hear(written(5))
    claimed = await desk.messages.claim(Channel.PUSH)
    assert claimed is not None
    await desk.hear(read(6))
    await desk.messages.settle(claimed, NotNow())
    desk.watch.turn(timedelta(minutes=1))
    await desk.deliver()
    assert browser.shown == []


async def test_who_tried_the_page_out_the_day_before_is_told_of_a_delay(
    desk: Desk,
) -> None:
    tried_out = who().model_copy(update={"at": NINE - 24 * HOUR})
    await desk.hear(with_texts(), tried_out, late(40, -30))
    await desk.deliver()
    assert len(desk.texts) == 1


async def test_a_record_of_what_happened_is_sent_whatever_comes_after(
    desk: Desk,
) -> None:
    """A unit's system hears that somebody waited, though they have left and it moved."""
    await desk.hear(with_texts(), who(), waiting_at(1))
    claimed = await desk.messages.claim(Channel.WEBHOOK)
    assert claimed is not None
    await desk.messages.settle(claimed, NotNow())
    await desk.hear(left(2), move(), cancelled())
    desk.watch.turn(timedelta(minutes=1))
    await desk.deliver()
    types = sorted(each["type"] for each in desk.called)
    assert types == ["appointment.booked", "patient.waiting"]


def with_bells(desk: Desk) -> Bells:
    """The desk hears at the door, too."""
    bells = Bells(desk.database, desk.watch, log("notifier"), Waking(desk.units))
    others = [each for each in desk.notifier.ears if not isinstance(each, Bells)]
    ears = (bells, *others)
    desk.notifier = Notifier(desk.database, desk.watch, ears, desk.woken.set)
    return bells


SEEN_TO = {
    "admitted": admitted_at(3.2),
    "refused": refused_at(3.2),
    "left": left(3.2),
    "summoned": summoned(3.2),
    "written to": written(3.2),
    "cancelled": cancelled(),
    "moved": move(),
}


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.SMS])
@pytest.mark.parametrize("seen_to", [*SEEN_TO.values(), None], ids=[*SEEN_TO, "seen"])
async def test_the_duty_contact_is_not_called_to_whom_somebody_has_seen_to(
    desk: Desk, seen_to: Event | None, channel: Channel
) -> None:
    bells = with_bells(desk)
    await desk.hear(with_texts(), waiting_at(0))
    for seconds in (31, 91, 181):
        desk.watch.shows = NINE + timedelta(seconds=seconds)
        await bells.climb()
    claimed = await desk.messages.claim(channel)
    assert claimed is not None
    if seen_to is not None:
        await desk.hear(seen_to)
    else:
        await bells.acknowledge("a-1", PATIENT, ["u1"], "p1")
    await desk.messages.settle(claimed, NotNow())
    desk.watch.turn(timedelta(minutes=1))
    assert await desk.messages.claim(channel) is None


async def test_the_mail_server_is_not_given_what_was_seen_to_while_it_was_asked(
    desk: Desk,
) -> None:
    bells = with_bells(desk)
    await desk.hear(with_texts(), waiting_at(0))
    desk.watch.shows = NINE + timedelta(seconds=181)
    for _ in range(3):
        await bells.climb()
    claimed = await desk.messages.claim(Channel.EMAIL)
    assert claimed is not None

    async def still_holds() -> bool:
        await desk.hear(admitted_at(3.2))
        return await desk.messages.still_holds(claimed.message)

    outcome = await desk.sender(Channel.EMAIL).send(claimed, still_holds)
    settled = await desk.messages.settle(claimed, outcome)
    assert settled is not None
    assert (settled.state, desk.mailbox.mails) == ("obsolete", ())


@pytest.mark.parametrize("first", ["move", "word"])
@pytest.mark.parametrize(
    ("slot", "counts"), [(OLD, False), (NEW, True)], ids=["old", "new"]
)
async def test_a_word_counts_for_the_time_that_it_is_about(
    desk: Desk, slot: Slot, counts: bool, first: str
) -> None:
    """After an outage topics come in any order."""
    await desk.hear(with_texts())
    both: list[Event] = [move(), about(late(20, 1), slot)]
    await desk.hear(*(both if first == "move" else reversed(both)))
    await desk.deliver()
    assert len(desk.texts) == counts


async def test_a_late_end_of_the_old_call_silences_nobody_on_the_new_day(
    desk: Desk,
) -> None:
    await desk.hear(with_texts(), move(), about(late(20, 61), NEW))
    for event in (CallStarted(**OF_IT, at=at(62)), ended(63), admitted_at(62)):
        await desk.hear(about(event, OLD))
    await desk.deliver()
    assert len(desk.texts) == 1


async def test_who_waits_by_a_move_that_is_not_heard_yet_is_noticed(desk: Desk) -> None:
    """The lobby knows of it; a patient must not wait while nobody knows."""
    bells = with_bells(desk)
    await desk.hear(with_texts())
    earlier = Slot(NINE - HOUR, 1)
    await desk.hear(about(waiting_at(-55), earlier))
    assert len(await bells.open_at(["u1"])) == 1
    await desk.hear(move(-1))
    assert len(await bells.open_at(["u1"])) == 1


BOOKED_AGAIN = with_texts().model_copy(update={"sequence": 4, "event_id": "again"})
AGAIN = Slot(NINE, 4)
STORY: tuple[Event, ...] = (
    with_texts(),
    who(),
    about(waiting_at(1), OLD),
    about(away(2), OLD),
    about(late(50, 3), OLD),
    about(summoned(4), OLD),
    move(sequence=2),
    about(admitted_at(62), Slot(NINE + HOUR, 2)),
    about(ended(70), Slot(NINE + HOUR, 2)),
    cancelled(sequence=3),
    BOOKED_AGAIN,
    about(waiting_at(71), AGAIN),
    about(away(72), AGAIN),
    about(late(20, 73), AGAIN),
    about(summoned(75), AGAIN),
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    order=st.permutations(range(len(STORY))),
    twice=st.lists(st.integers(0, len(STORY) - 1), max_size=6),
)
async def test_in_whatever_order_topics_come_the_same_is_told(
    desk: Desk, order: list[int], twice: list[int]
) -> None:
    """Moved, cancelled and booked again at the old time, and all of it said twice."""
    await desk.empty()
    bells = with_bells(desk)
    browser = await desk.browser()
    again = [
        STORY[each].model_copy(update={"event_id": f"again-{number}"})
        for number, each in enumerate(twice)
        if not isinstance(STORY[each], Change)
    ]
    desk.watch.shows = at(75)
    await desk.hear(*(STORY[each] for each in order), *again)
    await desk.deliver()
    assert sorted(_about(each["text"]) for each in desk.texts) == ["20 min", "turn"]
    assert [each["subject"] for each in browser.shown].count("your_turn") == 1
    assert [each["codes"] for each in browser.shown if each["subject"] == "delay"] == [
        {"minutes": 20}
    ]
    assert len(browser.shown) == 2
    assert [each.answered is None for each in await bells.open_at(["u1"])] == [False]


def _about(text: str) -> str:
    if "din tur" in text:
        return "turn"
    return "20 min" if "20 minuter" in text else text
