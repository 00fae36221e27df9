"""When a bell rings, and whom it wakes: by the moments of what happened alone."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.notifier.doorbell import (
    ANSWERS,
    ARRIVALS,
    RINGS_AFTER_THE_END,
    SETTLING,
    Door,
    Doorbell,
    Rules,
    Rung,
    Story,
    What,
    Word,
    newly_noticed,
    tell,
)
from services.notifier.quiet import Quiet, loud_from
from tests.chassis.conftest import NINE

HELSINKI = ZoneInfo("Europe/Helsinki")
SECOND = timedelta(seconds=1)
OPEN = Door(ends_at=NINE + timedelta(hours=1))
LONG = Door(ends_at=NINE + timedelta(days=3))
UNBOOKED = Door()
LADDER = {Rung.PUSH: 30 * SECOND, Rung.COLLEAGUE: 90 * SECOND, Rung.DUTY: 180 * SECOND}
LOUD = Rules(LADDER)
BELL = Doorbell("a-1", UUID(int=1), "u1")


def at(seconds: float) -> datetime:
    return NINE + seconds * SECOND


def word(what: What, seconds: float, by: str | None = None) -> Word:
    return Word(at(seconds), what, at(seconds), by)


def ringing(*words: Word, heard: float = 0) -> Doorbell:
    return BELL.told(words or [word(What.WAITING, 0)], OPEN, at(heard))


words = st.builds(word, st.sampled_from(What), st.integers(0, 600), st.just("p1"))
stories = st.lists(words, max_size=12, unique_by=lambda each: each.at)
moments = st.timedeltas(timedelta(0), timedelta(days=730)).map(
    lambda since: datetime(2026, 1, 1, tzinfo=UTC) + since
)
wall_times = st.times().map(lambda each: each.replace(second=0, microsecond=0))
quiet_hours = st.builds(Quiet, wall_times, wall_times, st.frozensets(st.integers(0, 6)))
ladders = st.dictionaries(
    st.sampled_from(Rung), st.timedeltas(timedelta(0), timedelta(minutes=30))
)
rules = st.builds(Rules, ladders, st.lists(quiet_hours, max_size=3))


@given(stories, st.randoms(use_true_random=False))
def test_the_order_in_which_words_come_does_not_matter(
    story: list[Word], chance: "st.random.Random"
) -> None:
    shuffled = chance.sample(story, len(story))
    assert tell(shuffled, OPEN) == tell(story, OPEN)


@given(stories)
def test_a_bell_rings_exactly_while_the_last_word_but_away_and_back_is_an_arrival(
    story: list[Word],
) -> None:
    assume(all(each.what is not What.BACK for each in story))
    last = max(story, key=lambda each: each.at, default=None)
    waits = last is not None and last.what in ARRIVALS
    assert BELL.told(story, OPEN, NINE).rings is waits


@given(stories, rules, st.lists(st.timedeltas(timedelta(0), timedelta(days=2))))
def test_no_rung_is_climbed_twice_whatever_the_clock_does(
    story: list[Word], rules: Rules, jumps: list[timedelta]
) -> None:
    bell = BELL.told(story, OPEN, NINE)
    climbed = []
    for jump in jumps:
        now = NINE + jump
        while (due := bell.due(rules, LONG, now)) and due.at <= now:
            climbed.append(due.rung)
            bell = bell.climbs(due.rung, now)
    assert len(set(climbed)) == len(climbed)
    assert not climbed or bell.rings


@given(stories, rules, moments)
def test_nothing_is_due_after_an_acknowledgement(
    story: list[Word], rules: Rules, now: datetime
) -> None:
    bell = BELL.told(story, OPEN, NINE)
    assume(bell.since is not None)
    assert bell.since
    seen = Word(bell.since, What.ACKNOWLEDGED, now, "p1")
    answered = bell.told([*story, seen], OPEN, now)
    assert not answered.rings
    assert answered.due(rules, UNBOOKED, now) is None
    assert answered.past_since(rules) is None


@given(st.sampled_from(sorted(set(What) - ARRIVALS - {What.BACK})), rules, moments)
def test_every_word_but_an_arrival_stops_it(
    what: What, rules: Rules, now: datetime
) -> None:
    bell = ringing(word(What.WAITING, 0), word(what, 1))
    assert bell.due(rules, OPEN, now) is None


@given(moments, rules, st.timedeltas(timedelta(0), timedelta(days=1)))
def test_neither_push_nor_duty_is_climbed_in_quiet_hours(
    waiting: datetime, rules: Rules, later: timedelta
) -> None:
    now = waiting + later
    bell = BELL.told([Word(waiting, What.WAITING, waiting)], UNBOOKED, waiting)
    while (due := bell.due(rules, UNBOOKED, now)) and due.at <= now:
        if due.rung is not Rung.COLLEAGUE:
            assert all(each.end_of(now) is None for each in rules.quiet)
        bell = bell.climbs(due.rung, now)


@given(moments, rules)
def test_what_is_due_later_is_still_due_then(waiting: datetime, rules: Rules) -> None:
    """Sleeping until the moment that was said, and asking again, is enough."""
    bell = BELL.told([Word(waiting, What.WAITING, waiting)], UNBOOKED, waiting)
    due = bell.due(rules, UNBOOKED, waiting)
    assume(due is not None)
    assert due
    then = bell.due(rules, UNBOOKED, due.at)
    assert then
    assert then.at <= due.at


@given(moments, quiet_hours)
def test_quiet_ends_when_it_says(now: datetime, quiet: Quiet) -> None:
    ends = quiet.end_of(now)
    assume(ends is not None)
    assert ends
    assert timedelta(0) < ends - now <= timedelta(hours=25)
    assert (
        ends.timestamp()
        == (ends.astimezone(HELSINKI).replace(tzinfo=HELSINKI, fold=0).timestamp())
        or ends.astimezone(HELSINKI).fold
    )


def test_the_rungs_come_by_the_time_that_somebody_has_waited() -> None:
    bell = ringing()
    for rung, after in LADDER.items():
        due = bell.due(LOUD, OPEN, at(1))
        assert due
        assert (due.rung, due.at) == (rung, NINE + after)
        bell = bell.climbs(rung, due.at)
    assert bell.due(LOUD, OPEN, at(500)) is None
    assert bell.past_since(LOUD) == at(180)
    assert bell.highest is Rung.DUTY


def test_a_unit_without_a_rung_goes_on_to_the_next() -> None:
    due = ringing().due(Rules({Rung.DUTY: 60 * SECOND}), OPEN, NINE)
    assert due
    assert (due.rung, due.at) == (Rung.DUTY, at(60))


def test_what_is_heard_an_hour_late_is_climbed_at_once_but_for_a_breath() -> None:
    """The word that ends it may be the next one that Kafka brings."""
    bell = ringing(heard=3600)
    due = bell.due(LOUD, OPEN, at(3600))
    assert due
    assert due.at == at(3600) + SETTLING


def test_a_lobby_whose_clock_is_ahead_delays_no_rung() -> None:
    bell = ringing(word(What.WAITING, 600), heard=0)
    due = bell.due(LOUD, OPEN, at(1))
    assert due
    assert due.at == at(30)


def test_who_left_before_they_came_again_still_waits() -> None:
    assert ringing(word(What.WAITING, 10), word(What.LEFT, 5)).rings
    assert not ringing(word(What.WAITING, 5), word(What.LEFT, 10)).rings


def test_a_new_waiting_has_its_own_ladder() -> None:
    words = [word(What.WAITING, 0)]
    bell = ringing(*words).climbs(Rung.PUSH, at(30)).climbs(Rung.COLLEAGUE, at(90))
    words += [word(What.LEFT, 100), word(What.WAITING, 110)]
    due = bell.told(words, OPEN, at(110)).due(LOUD, OPEN, at(110))
    assert due
    assert (due.rung, due.at) == (Rung.PUSH, at(140))


def test_another_word_of_the_same_waiting_changes_no_rung() -> None:
    bell = ringing().climbs(Rung.PUSH, at(30))
    assert bell.told([word(What.WAITING, 0), word(What.BACK, 40)], OPEN, at(40)) == bell


def test_an_appointment_of_another_unit_begins_anew() -> None:
    bell = ringing().climbs(Rung.PUSH, at(30)).at_unit("u2", at(40))
    assert bell.climbed == {}
    assert bell.at_unit("u2", at(50)) == bell


def test_who_was_summoned_and_comes_rings_anew_but_once() -> None:
    words = [word(What.WAITING, 0), word(What.SUMMONED, 10)]
    assert not ringing(*words).rings
    words += [word(What.BACK, 20), word(What.BACK, 25)]
    assert ringing(*words).since == at(20)


def test_who_comes_back_unasked_is_no_news() -> None:
    words = [word(What.WAITING, 0), word(What.ACKNOWLEDGED, 0), word(What.BACK, 20)]
    assert not ringing(*words).rings


def test_nobody_waits_for_a_time_that_was_moved_to_later() -> None:
    moved = Door(opens_at=at(600))
    assert not BELL.told([word(What.WAITING, 0)], moved, at(10)).rings
    assert BELL.told([word(What.WAITING, 601)], moved, at(601)).rings


def test_a_cancelled_appointment_does_not_ring() -> None:
    assert not BELL.told([word(What.WAITING, 0)], Door(cancelled=True), NINE).rings


def test_a_bell_falls_silent_long_after_the_end() -> None:
    assert ringing().over_at(OPEN) == NINE + timedelta(hours=1) + RINGS_AFTER_THE_END
    assert BELL.over_at(OPEN) is None
    late = NINE + timedelta(hours=2)
    assert ringing().due(LOUD, OPEN, late - SECOND) is not None
    assert ringing().due(LOUD, OPEN, late) is None


@pytest.mark.parametrize("how", sorted({*ANSWERS, What.ADMITTED, What.REFUSED}))
def test_the_first_that_a_person_does_is_what_counts(how: What) -> None:
    words = [word(What.WAITING, 0), word(how, 12, "p1"), word(What.ADMITTED, 20, "p2")]
    noticed = tell(words, OPEN).noticed
    assert noticed
    assert (noticed.word.what, noticed.word.by) == (how, "p1")
    assert noticed.after == 12 * SECOND


def test_who_gives_up_was_not_noticed() -> None:
    assert tell([word(What.WAITING, 0), word(What.LEFT, 9)], OPEN).noticed is None


def test_an_acknowledgement_is_placed_by_what_was_seen_and_timed_by_our_clock() -> None:
    """Our clock is an hour ahead, and yet who comes again within the hour rings."""
    seen = Word(at(0), What.ACKNOWLEDGED, at(3600), "p1")
    story = tell([word(What.WAITING, 0), seen], OPEN)
    assert story.noticed
    assert story.noticed.after == 3600 * SECOND
    assert ringing(word(What.WAITING, 0), seen, word(What.WAITING, 60)).rings


def test_each_waiting_is_noticed_once_also_when_a_word_comes_late() -> None:
    first = [word(What.WAITING, 0), word(What.ADMITTED, 30, "p1")]
    late = [*first, word(What.MESSAGED, 10, "p1")]
    again = [*late, word(What.RETURNED, 60), word(What.ADMITTED, 70)]
    stories = [tell(words, OPEN) for words in (first, late, again)]
    assert newly_noticed(Story(), stories[0]) is not None
    assert newly_noticed(stories[0], stories[1]) is None
    noticed = newly_noticed(stories[1], stories[2])
    assert noticed
    assert noticed.after == 10 * SECOND


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-11-23 19:59", None),
        ("2026-11-23 20:00", "2026-11-24 07:00"),
        ("2026-11-24 06:59", "2026-11-24 07:00"),
        ("2026-11-24 07:00", None),
        # The night in which the clock goes from 02:59 to 04:00,
        ("2026-03-28 23:00", "2026-03-29 07:00"),
        # and the one in which the hour from 03:00 comes twice.
        ("2026-10-25 03:30", "2026-10-25 07:00"),
    ],
)
def test_a_quiet_night(now: str, ends: str | None) -> None:
    night = Quiet(time(20), time(7))
    end = night.end_of(_on_the_wall(now))
    assert end == (_on_the_wall(ends) if ends else None)


def _on_the_wall(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=HELSINKI).astimezone(UTC)


def test_a_quiet_that_ends_in_the_hour_that_comes_twice_ends_once() -> None:
    night = Quiet(time(20), time(3, 30))
    first = datetime(2026, 10, 25, 0, 29, tzinfo=UTC)  # 03:29, summer time
    second = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 03:10, winter time
    assert night.end_of(first) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert night.end_of(second) is None


def test_a_quiet_that_ends_in_the_hour_that_is_left_out_ends() -> None:
    night = Quiet(time(20), time(3, 30))
    before = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
    end = night.end_of(before)
    assert end
    assert before < end <= datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert night.end_of(end) is None


def test_a_night_in_which_clocks_change_postpones_to_the_hour_on_the_wall() -> None:
    night = Rules(LADDER, [Quiet(time(20), time(7))])
    for day in ("2026-03-28", "2026-10-24"):
        waiting = _on_the_wall(f"{day} 23:00")
        bell = BELL.told([Word(waiting, What.WAITING, waiting)], UNBOOKED, waiting)
        first = bell.due(night, UNBOOKED, waiting)
        assert first
        assert first.rung is Rung.COLLEAGUE
        later = bell.climbs(Rung.COLLEAGUE, first.at).due(night, UNBOOKED, first.at)
        assert later
        assert later.rung is Rung.PUSH
        assert later.at.astimezone(HELSINKI).time() == time(7)


def test_what_was_due_before_the_quiet_and_not_climbed_waits_for_its_end() -> None:
    """We were away meanwhile: what counts is when it would leave."""
    waiting, now = _on_the_wall("2026-11-23 19:50"), _on_the_wall("2026-11-23 20:30")
    night = Rules({Rung.DUTY: 180 * SECOND}, [Quiet(time(20), time(7))])
    bell = BELL.told([Word(waiting, What.WAITING, waiting)], UNBOOKED, waiting)
    due = bell.due(night, UNBOOKED, now)
    assert due
    assert due.at == _on_the_wall("2026-11-24 07:00")


def test_days_are_those_on_which_the_quiet_begins() -> None:
    friday_night = Quiet(time(20), time(7), frozenset({4}))
    assert friday_night.end_of(_on_the_wall("2026-11-28 03:00"))  # a Saturday
    assert not friday_night.end_of(_on_the_wall("2026-11-27 03:00"))


def test_quiet_after_quiet_is_one() -> None:
    both = [Quiet(time(20), time(0)), Quiet(time(0), time(6))]
    assert loud_from(_on_the_wall("2026-11-23 21:00"), both) == _on_the_wall(
        "2026-11-24 06:00"
    )


def test_where_it_is_always_quiet_open_consoles_ring_all_the_same() -> None:
    always = Rules(LADDER, [Quiet(time(0), time(0))])
    bell = ringing()
    due = bell.due(always, OPEN, NINE)
    assert due
    assert due.rung is Rung.COLLEAGUE
    assert bell.climbs(Rung.COLLEAGUE, due.at).due(always, OPEN, at(999)) is None
