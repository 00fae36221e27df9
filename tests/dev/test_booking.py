"""What the booking simulator says is what the contract reads."""

from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaConsumer
from pydantic import SecretStr
from stdnum.fi import hetu

from contract.booking import AppointmentCancelled, AppointmentRescheduled
from contract.booking_full import AppointmentBookedInFull
from contract.envelope import Event, read
from dev import booking, persons, seed
from dev.kafka import Cluster, create_topics

NOW = datetime(2026, 11, 23, 10, 0, 30, tzinfo=UTC)
KINDS = (AppointmentBookedInFull, AppointmentRescheduled, AppointmentCancelled)


def _heard(said: booking.Said) -> Event:
    event = read(said.headers(), said.value(), KINDS)
    assert event is not None
    return event


def _booked(said: booking.Said) -> AppointmentBookedInFull:
    event = _heard(said)
    assert isinstance(event, AppointmentBookedInFull)
    return event


def _asked(*words: str) -> booking.Said:
    return booking.said(booking.arguments(["--kafka", "x", *words]), NOW)


def _plain(value: SecretStr) -> str:
    return value.get_secret_value()


def test_the_demo_starts_with_the_promised_bookings() -> None:
    heard = {
        each.appointment_id: _booked(each.said(NOW)) for each in seed.bookings(NOW)
    }
    starts = {key: each.starts_at - NOW for key, each in heard.items()}
    assert starts == {
        seed.OPEN_NOW: timedelta(0),
        seed.OPENS_SOON: timedelta(minutes=2),
        seed.CHILD_OF_8: timedelta(0),
        seed.CHILD_OF_13: timedelta(0),
        seed.TOMORROW: timedelta(days=1),
    }
    languages = {each.patient.language.value for each in heard.values()}
    assert languages == {"sv", "fi", "en"}
    assert {each.unit.id for each in heard.values()} == {"unit-1", "unit-2"}


@pytest.mark.parametrize(
    ("key", "guardians"), [("sv", 0), ("child-8", 1), ("child-13", 1)]
)
def test_a_childs_guardian_comes_with_the_child(key: str, guardians: int) -> None:
    assert len(_booked(_asked("--person", key)).guardians) == guardians


def test_a_booking_can_be_moved_and_cancelled() -> None:
    moved = _heard(_asked("--reschedule", "a-1", "--in", "30"))
    assert isinstance(moved, AppointmentRescheduled)
    assert moved.starts_at == NOW + timedelta(minutes=30)
    cancelled = _heard(_asked("--cancel", "a-1"))
    assert isinstance(cancelled, AppointmentCancelled)
    assert cancelled.appointment_id == moved.appointment_id == "a-1"


def test_a_later_change_has_a_higher_sequence() -> None:
    sequences = [booking.sequence(NOW + timedelta(seconds=each)) for each in range(3)]
    assert sequences == sorted(set(sequences))
    assert sequences[0] > 0


async def test_a_booking_arrives_on_kafka(kafka: Cluster) -> None:
    said = _asked("--person", "fi")
    await create_topics(kafka.servers, [said.topic])
    await booking.publish(kafka.servers, [said])
    consumer = AIOKafkaConsumer(
        said.topic, bootstrap_servers=kafka.servers, auto_offset_reset="earliest"
    )
    async with consumer:
        async for record in consumer:
            if record.key == said.appointment_id.encode():
                break
    assert record.headers is not None
    event = read(record.headers, record.value, KINDS)
    assert event is not None
    assert event.event_id == said.event_id


def test_no_personal_value_prints() -> None:
    said, patient = _asked(), persons.person("sv", NOW.date())
    shown = f"{said!r} {patient!r} {seed.bookings(NOW)!r}"
    for value in (patient.name, _plain(patient.national_id), _plain(patient.email)):
        assert value not in shown


@pytest.mark.parametrize("day", ["2026-11-23", "2028-02-29", "2030-01-01"])
def test_every_code_checks_and_is_a_temporary_one(day: str) -> None:
    today = datetime.fromisoformat(day).date()
    codes = [_plain(each.national_id) for each in persons.persons(today)]
    assert len(set(codes)) == len(codes)
    for code in codes:
        assert hetu.is_valid(code, allow_temporary=True)
        assert not hetu.is_valid(code)


@pytest.mark.parametrize("day", ["2026-11-23", "2028-02-29", "2030-01-01"])
def test_the_children_stay_of_their_age(day: str) -> None:
    today = datetime.fromisoformat(day).date()
    for key, age in (("child-8", 8), ("child-13", 13)):
        born = persons.person(key, today).birth_date
        had_birthday = (today.month, today.day) >= (born.month, born.day)
        assert today.year - born.year - (0 if had_birthday else 1) == age


def test_two_professionals_share_a_unit_and_a_third_has_another() -> None:
    units = [each.units for each in persons.PROFESSIONALS]
    assert units[0] == units[1] != units[2]
