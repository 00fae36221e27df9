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


def test_the_later_hello_stays_the_later_when_another_database_took_over() -> None:
    """Its clock is two seconds ahead. One instance was there before, the other begins."""
    old, new = DatabaseClock(), DatabaseClock()
    old.note(asked=100.0, said=NOON, answered=100.001)
    # The fail-over; both now ask the same new database at the same moments.
    old.note(asked=110.0, said=after(12), answered=110.002)
    new.note(asked=110.0, said=after(12), answered=110.002)
    earlier, later = new.at(111.0), old.at(112.0)
    assert earlier < later


def test_an_answer_that_contradicts_all_before_it_is_believed() -> None:
    """As after the machine slept: its own seconds stood still, and the database's did not."""
    clock = DatabaseClock()
    for second in range(5):
        clock.note(asked=100.0 + second, said=after(second), answered=100.001 + second)
    clock.note(asked=105.0, said=after(65), answered=105.002)
    assert abs((clock.at(105.001) - after(65)).total_seconds()) < 0.01
