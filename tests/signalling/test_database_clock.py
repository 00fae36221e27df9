from datetime import UTC, datetime, timedelta

from services.signalling.database_clock import ANSWERS, DatabaseClock

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_moment_is_read_from_the_middle_of_the_answers_way() -> None:
    clock = DatabaseClock()
    clock.note(asked=100.0, said=NOON, answered=100.5)
    assert clock.at(100.25) == NOON
    assert clock.at(103.25) == after(3)
    assert clock.at(99.25) == after(-1)


def test_an_answer_that_was_long_under_way_makes_nothing_younger() -> None:
    """Of two hellos the later one stays the later, whatever was busy when each was written."""
    quick, slow = DatabaseClock(), DatabaseClock()
    for clock in (quick, slow):
        clock.note(asked=100.0, said=NOON, answered=100.002)
    slow.note(asked=110.0, said=after(14), answered=115.0)
    assert slow.at(109.0) == quick.at(109.0) < quick.at(109.01)


def test_a_database_that_took_over_is_believed_in_the_end() -> None:
    clock = DatabaseClock()
    clock.note(asked=100.0, said=NOON, answered=100.001)
    for second in range(ANSWERS):
        at = 200.0 + second
        clock.note(asked=at, said=after(3600 + second), answered=at + 0.25)
    assert clock.at(200.125) == after(3600)
