"""The rule of order: whatever is consumed in whatever order comes to the same end."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contract.appointment import UNHEARD, Heard, Relevance
from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentRescheduled,
    Change,
)
from contract.envelope import read
from contract.samples import sample
from contract.slot import Slot, Stamp

TEN = datetime(2026, 12, 1, 8, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
CURRENT, AHEAD, OUTDATED = Relevance


def a_booking() -> AppointmentBooked:
    booked = read(*sample("appointment.booked.v1").carried(), [AppointmentBooked])
    assert isinstance(booked, AppointmentBooked)
    return booked


BOOKING = a_booking()


def at(hours: int) -> datetime:
    return TEN + timedelta(hours=hours)


def booked(sequence: int, hours: int = 0) -> Change:
    times = {"starts_at": at(hours), "ends_at": at(hours) + HALF_HOUR}
    return BOOKING.model_copy(update={"sequence": sequence, **times})


def moved(sequence: int, hours: int) -> Change:
    return AppointmentRescheduled(
        appointment_id=BOOKING.appointment_id,
        sequence=sequence,
        starts_at=at(hours),
        ends_at=at(hours) + HALF_HOUR,
    )


def cancelled(sequence: int) -> Change:
    return AppointmentCancelled(
        appointment_id=BOOKING.appointment_id, sequence=sequence
    )


def slot(sequence: int, hours: int = 0) -> Slot:
    return Slot(at(hours), sequence)


def having_heard(*changes: Change) -> Heard:
    heard = Heard()
    for change in changes:
        heard = heard.and_then(change)
    return heard


# A booking system that counts: the times of its first changes, None a cancellation.
lives = st.lists(
    st.tuples(st.sampled_from(["booked", "moved", "cancelled"]), st.integers(0, 2)),
    min_size=1,
    max_size=6,
)


def told(life: Sequence[tuple[str, int]]) -> list[Change]:
    """The changes of a life. What begins is a booking, and what is off is booked again."""
    changes: list[Change] = []
    is_off = True
    for sequence, (kind, hours) in enumerate(life):
        if is_off:
            changes.append(booked(sequence, hours))
            is_off = False
        elif kind == "cancelled":
            changes.append(cancelled(sequence))
            is_off = True
        else:
            change = booked if kind == "booked" else moved
            changes.append(change(sequence, hours))
    return changes


def slots(changes: Sequence[Change]) -> list[tuple[int, Slot]]:
    """Each slot that a publisher who had heard so much could name, and since when."""
    heard = [having_heard(*changes[: upto + 1]) for upto in range(len(changes))]
    return [(upto, each.slot) for upto, each in enumerate(heard) if each.slot]


@given(life=lives, draw=st.data())
@example(life=[("booked", 0), ("moved", 1), ("moved", 0)], draw=None)
def test_changes_come_to_the_same_end_in_any_order_and_repeated(
    life: list[tuple[str, int]], draw: st.DataObject | None
) -> None:
    changes = told(life)
    if draw is None:
        orders = list(permutations(changes))
    else:
        orders = [draw.draw(st.permutations([*changes, *changes[:2]]))]
    assert {having_heard(*order) for order in orders} == {having_heard(*changes)}


@given(life=lives)
def test_a_slot_holds_until_another_start_or_a_cancellation_and_no_longer(
    life: list[tuple[str, int]],
) -> None:
    """Told apart from the rule, as somebody would who saw the whole life at once."""
    changes = told(life)
    heard = having_heard(*changes)
    for upto, named in slots(changes):
        later = changes[upto + 1 :]
        is_over = any(
            isinstance(each, AppointmentCancelled)
            or getattr(each, "starts_at", None) != named.starts_at
            for each in later
        ) or isinstance(changes[upto], AppointmentCancelled)
        assert heard.relevance(named) is (OUTDATED if is_over else CURRENT)
        assert heard.is_over(named) is is_over


@given(life=lives, draw=st.data())
def test_an_event_that_is_kept_and_judged_again_is_judged_alike_in_the_end(
    life: list[tuple[str, int]], draw: st.DataObject
) -> None:
    """In between nothing that will hold is called over, nor what is heard of ahead."""
    changes = told(life)
    whole = having_heard(*changes)
    order = draw.draw(st.permutations(changes))
    for _, named in slots(changes):
        between = [
            having_heard(*order[:upto]).relevance(named) for upto in range(len(order))
        ]
        if whole.relevance(named) is CURRENT:
            assert OUTDATED not in between
        else:
            after = between.index(OUTDATED) if OUTDATED in between else len(between)
            assert set(between[after:]) <= {OUTDATED}  # what is over stays over


def test_before_anything_is_heard_every_slot_is_ahead() -> None:
    assert Heard().relevance(slot(0)) is AHEAD
    assert Heard().slot is None
    assert not Heard().is_over(None)


def test_an_event_that_names_no_slot_counts_as_it_did_before_slots() -> None:
    assert Heard().relevance(None) is CURRENT
    assert having_heard(booked(0), cancelled(1)).relevance(None) is CURRENT


@pytest.mark.parametrize(
    ("heard", "named", "is_so"),
    [
        pytest.param([booked(0)], slot(0), CURRENT, id="booked"),
        pytest.param([moved(1, 24)], slot(0), OUTDATED, id="moved, booking not heard"),
        pytest.param([booked(0), moved(1, 24)], slot(0), OUTDATED, id="moved"),
        pytest.param([booked(0)], slot(1, 24), AHEAD, id="not heard that it moved"),
        pytest.param([booked(0), booked(1)], slot(0), CURRENT, id="corrected"),
        pytest.param([booked(0)], slot(1), CURRENT, id="not heard of a correction"),
        pytest.param(
            [booked(0), moved(1, 24), moved(2, 0)],
            slot(0),
            OUTDATED,
            id="moved and back: what was said of the first time is over",
        ),
        pytest.param([booked(0), cancelled(1)], slot(0), OUTDATED, id="cancelled"),
        pytest.param(
            [booked(0), cancelled(1)],
            slot(2),
            AHEAD,
            id="not heard that it is on again",
        ),
        pytest.param(
            [booked(0), cancelled(1), booked(2)],
            slot(0),
            OUTDATED,
            id="booked again at the same time: another slot",
        ),
        pytest.param(
            [booked(2), cancelled(1)], slot(2), CURRENT, id="a late, old cancellation"
        ),
        pytest.param([cancelled(1)], slot(0), OUTDATED, id="cancelled unheard"),
        pytest.param(
            [booked(0), moved(0, 24)],
            slot(0, 24),
            CURRENT,
            id="a booking system that does not count",
        ),
        pytest.param(
            [booked(0), moved(0, 24)], slot(0), AHEAD, id="... cannot be known, kept"
        ),
    ],
)
def test_which_slot_holds(heard: list[Change], named: Slot, is_so: Relevance) -> None:
    assert {having_heard(*order).relevance(named) for order in [heard, heard * 2]} == {
        is_so
    }


def test_what_was_kept_before_starts_were_known_is_judged_by_sequence() -> None:
    """As in the rows that a service wrote before it kept the start."""
    row = Heard(details=3, times=3, status=3)
    assert row.slot is None
    assert row.relevance(slot(3)) is CURRENT
    assert row.relevance(slot(4)) is CURRENT
    assert row.over == UNHEARD


def test_of_one_publishers_events_the_sequence_orders_before_the_clock() -> None:
    old, new = Stamp(slot(0), at(2)), Stamp(slot(1, 24), at(1))
    assert old.is_older_than(new)
    assert not new.is_older_than(old)


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=2, unique=True
    ).flatmap(st.permutations)
)
def test_the_newest_of_one_publishers_events_is_the_same_in_any_order(
    said: list[tuple[int, int]],
) -> None:
    newest = None
    for sequence, hours in said:
        stamp = Stamp(slot(sequence), at(hours))
        if newest is None or newest.is_older_than(stamp):
            newest = stamp
    sequence, hours = max(said)
    assert newest == Stamp(slot(sequence), at(hours))


@given(life=lives, draw=st.data())
def test_whoever_hears_no_changes_learns_the_same_from_slots_and_cancellations(
    life: list[tuple[str, int]], draw: st.DataObject
) -> None:
    changes = told(life)
    named = [each for _, each in slots(changes)]
    off = [each for each in changes if isinstance(each, AppointmentCancelled)]
    learned = Heard()
    for each in draw.draw(st.permutations([*named, *off, *named])):
        if isinstance(each, Slot):
            learned = learned.with_slot(each)
        else:
            learned = learned.and_then(each)
    whole = having_heard(*changes)
    assert [learned.relevance(each) for each in named] == [
        whole.relevance(each) for each in named
    ]
    assert learned.slot == whole.slot
