from datetime import date, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.booking import AppointmentBooked, Change
from contract.identity import Role
from services.identity.domain import (
    Appointment,
    AppointmentIsCancelled,
    AppointmentIsOver,
    Attempt,
    Attendee,
    ChildNeedsOwnCredentials,
    Digest,
    IdentificationExpired,
    Purpose,
    Question,
    Status,
    WrongPerson,
    age,
)
from tests.identity.people import HALF_HOUR, TEN, TODAY, booked, cancelled, moved

CHILD, MOTHER, FATHER, OTHER = (Digest("k", bytes([n]) * 32) for n in range(4))
HOUR = timedelta(hours=1)
LIMIT = 12


def of(born: date) -> Appointment:
    """An appointment of someone born that day, with two guardians."""
    people = (
        Attendee(Role.PATIENT, CHILD, born),
        Attendee(Role.GUARDIAN, MOTHER, date(1985, 9, 5)),
        Attendee(Role.GUARDIAN, FATHER, date(1984, 1, 2)),
    )
    return Appointment("a-1").after(booked("a-1"), people)


births = st.dates(date(1900, 1, 1), date(2020, 12, 31))


@given(births, st.integers(0, 120))
def test_a_year_is_reached_on_the_birthday_and_not_the_day_before(
    born: date, years: int
) -> None:
    try:
        birthday = born.replace(year=born.year + years)
    except ValueError:
        birthday = date(born.year + years, 2, 28)
    assert age(born, birthday) == years
    assert age(born, birthday - timedelta(days=1)) == years - 1


@given(births, st.dates(date(2021, 1, 1), date(2099, 12, 30)))
def test_nobody_grows_younger(born: date, day: date) -> None:
    assert 0 <= age(born, day + timedelta(days=1)) - age(born, day) <= 1


@pytest.mark.parametrize(
    ("day", "years"),
    [
        (date(2027, 2, 27), 10),
        (date(2027, 2, 28), 11),
        (date(2027, 3, 1), 11),
        (date(2028, 2, 28), 11),
        (date(2028, 2, 29), 12),
    ],
)
def test_who_was_born_on_a_leap_day_has_a_birthday_every_year(
    day: date, years: int
) -> None:
    assert age(date(2016, 2, 29), day) == years


def test_the_patient_is_the_patient_at_any_age() -> None:
    for years in (0, 8, 12, 40, 99):
        appointment = of(TODAY.replace(year=TODAY.year - years))
        assert appointment.expected([CHILD], TODAY, LIMIT).role is Role.PATIENT


@given(st.integers(0, 20), st.integers(0, 18), st.sampled_from([MOTHER, FATHER]))
def test_a_guardian_enters_until_the_day_the_child_reaches_the_limit(
    years: int, limit: int, guardian: Digest
) -> None:
    appointment = of(TODAY.replace(year=TODAY.year - years))
    if years < limit:
        assert appointment.expected([guardian], TODAY, limit).role is Role.GUARDIAN
        return
    with pytest.raises(WrongPerson if years >= 18 else ChildNeedsOwnCredentials):
        appointment.expected([guardian], TODAY, limit)


@given(births, st.dates(date(2021, 1, 1), date(2060, 12, 31)), st.integers(0, 18))
def test_who_is_let_in_as_a_guardian_depends_on_the_childs_age_alone(
    born: date, today: date, limit: int
) -> None:
    """Around any birthday and 29 February: the named one, an unnamed one, a stranger."""
    appointment, years = of(born), age(born, today)
    unnamed = Attendee(Role.GUARDIAN, OTHER, date(1980, 1, 1))
    if years < limit:
        assert appointment.expected([MOTHER], today, limit).digest == MOTHER
        assert appointment.expected([OTHER], today, limit, unnamed) is unnamed
    else:
        grown = years >= 18
        with pytest.raises(WrongPerson if grown else ChildNeedsOwnCredentials):
            appointment.expected([MOTHER], today, limit, unnamed)
        with pytest.raises(WrongPerson):
            appointment.expected([OTHER], today, limit, unnamed)
    with pytest.raises(WrongPerson):
        appointment.expected([OTHER], today, limit)


@given(st.integers(1, 4), st.integers(0, 3), st.integers(-2, 2))
def test_a_child_of_29_february_reaches_the_limit_on_28_february_of_a_common_year(
    cycle: int, off: int, days: int
) -> None:
    born = date(2012, 2, 29)
    year = 2012 + 4 * cycle + off
    birthday = date(year, 2, 29) if off == 0 else date(year, 2, 28)
    today, limit = birthday + timedelta(days=days), year - born.year
    appointment = of(born)
    if days < 0:
        assert appointment.expected([MOTHER], today, limit).role is Role.GUARDIAN
    elif limit < 18:
        with pytest.raises(ChildNeedsOwnCredentials):
            appointment.expected([MOTHER], today, limit)


@given(births, st.sampled_from([CHILD, MOTHER, FATHER, OTHER]))
def test_a_companions_link_lets_anyone_in_but_the_patient(
    born: date, who: Digest
) -> None:
    someone = Attendee(Role.INTERPRETER, who, date(1980, 1, 1))
    if who == CHILD:
        with pytest.raises(WrongPerson):
            of(born).accompanied(someone, [who])
    else:
        assert of(born).accompanied(someone, [who]) is someone


def test_the_day_before_the_twelfth_birthday_is_the_guardians_last() -> None:
    appointment = of(date(2014, 11, 24))
    assert appointment.expected([MOTHER], date(2026, 11, 23), LIMIT)
    with pytest.raises(ChildNeedsOwnCredentials):
        appointment.expected([MOTHER], date(2026, 11, 24), LIMIT)


def test_anyone_else_is_the_wrong_person() -> None:
    with pytest.raises(WrongPerson):
        of(date(2018, 5, 1)).expected([OTHER], TODAY, LIMIT)


def test_a_digest_under_another_key_is_another_digest() -> None:
    elsewhere = Digest("another", CHILD.value)
    with pytest.raises(WrongPerson):
        of(date(2018, 5, 1)).expected([elsewhere], TODAY, LIMIT)


STORY: tuple[Change, ...] = (
    booked("a-1", 0),
    moved("a-1", 1, TEN + HOUR),
    cancelled("a-1", 2),
    booked("a-1", 3, starts_at=TEN + 2 * HOUR),
    moved("a-1", 4, TEN + 3 * HOUR),
)


def heard(story: tuple[Change, ...]) -> Appointment:
    appointment = Appointment("a-1")
    for said in story:
        people = ()
        if isinstance(said, AppointmentBooked):
            digest = Digest("k", bytes([said.sequence]) * 32)
            people = (Attendee(Role.PATIENT, digest, TODAY),)
        appointment = appointment.after(said, people)
    return appointment


@given(st.permutations(STORY + STORY))
def test_in_any_order_and_however_often_it_ends_the_same(
    story: list[Change],
) -> None:
    assert heard(tuple(story)) == heard(STORY)


@pytest.mark.parametrize("order", list(permutations(STORY[:3])))
def test_a_cancellation_wins_whenever_it_is_heard(order: tuple[Change, ...]) -> None:
    appointment = heard(order)
    assert appointment.status is Status.CANCELLED
    assert appointment.starts_at == TEN + HOUR
    with pytest.raises(AppointmentIsCancelled):
        appointment.check_open(TEN)


def test_an_appointment_without_its_booking_is_not_known() -> None:
    assert not heard(STORY[1:3]).is_known
    assert heard(STORY[:1]).is_known


@pytest.mark.parametrize("late", [timedelta(0), timedelta(minutes=15)])
def test_the_door_is_open_from_the_booking_until_a_little_after_the_end(
    late: timedelta,
) -> None:
    appointment = heard(STORY[:1])
    appointment.check_open(TEN - timedelta(days=30))
    appointment.check_open(TEN + HALF_HOUR + late)
    with pytest.raises(AppointmentIsOver):
        appointment.check_open(TEN + HALF_HOUR + timedelta(minutes=15, seconds=1))


ATTEMPT = Attempt(Question("s", "n", "v"), Purpose.VISIT, b"browser", TEN, "a-1")


def test_an_attempt_is_used_once() -> None:
    used = ATTEMPT.used([Purpose.VISIT], b"browser", TEN)
    with pytest.raises(IdentificationExpired):
        used.used([Purpose.VISIT], b"browser", TEN)


@pytest.mark.parametrize(
    ("purpose", "browser", "at"),
    [
        (Purpose.VISIT, b"another", TEN),
        (Purpose.STAFF, b"browser", TEN),
        (Purpose.VISIT, b"browser", TEN + timedelta(minutes=10, seconds=1)),
    ],
)
def test_an_attempt_comes_back_to_its_browser_its_door_and_in_time(
    purpose: Purpose, browser: bytes, at: datetime
) -> None:
    assert ATTEMPT.used([Purpose.VISIT], b"browser", TEN + timedelta(minutes=10))
    with pytest.raises(IdentificationExpired):
        ATTEMPT.used([purpose], browser, at)
