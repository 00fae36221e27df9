"""What is personal travels, and shows nowhere else."""

import json
import traceback
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from contract.booking import AppointmentBooked
from contract.booking_full import AppointmentBookedInFull
from contract.catalogue import CATALOGUE
from contract.envelope import Event, Unreadable, read, write
from contract.samples import Sample, sample

PERSONAL = {"name", "email", "phone", "national_id", "reason"}
EVENTS = [entry.event for entry in CATALOGUE if entry.personal]
each_event = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type())


def secrets(told: Any, name: str = "") -> Iterator[str]:
    """The personal values in a sample; a professional's name is not a patient's."""
    match told:
        case dict():
            inner = (
                secrets(value, key)
                for key, value in told.items()
                if key not in {"professional", "unit"}
            )
            yield from chain.from_iterable(inner)
        case list():
            yield from chain.from_iterable(secrets(each, name) for each in told)
        case str() if name in PERSONAL:
            yield told


def shown_in(text: str, golden: Sample) -> list[str]:
    return [secret for secret in secrets(golden.value) if secret in text]


def everything_shown(error: Exception) -> str:
    return f"{error!s} {error!r} {''.join(traceback.format_exception(error))}"


def spoiled(told: Any) -> Iterator[Any]:
    """The value with one thing in it of a wrong shape, for each thing in it."""
    yield [told]
    match told:
        case dict():
            for name, value in told.items():
                yield {**told, name: {"wrapped": value}}
                yield from ({**told, name: each} for each in spoiled(value))
        case list():
            for each in told:
                yield from ([bad] for bad in spoiled(each))


@each_event
def test_no_event_shows_what_is_personal(event: type[Event]) -> None:
    golden = sample(event.type())
    said = read(*golden.carried(), [event])
    assert list(secrets(golden.value)), "the sample shows what is to be hidden"
    assert shown_in(f"{said} {said!r} {said!s} {[said]}", golden) == []


def complaints(event: type[Event], golden: Sample) -> Iterator[Unreadable]:
    """What is said of the sample when it is spoiled in each way there is."""
    for value in spoiled(golden.value):
        headers, carried = Sample(golden.headers, golden.key, value).carried()
        try:
            read(headers, carried, [event])
        except Unreadable as unreadable:
            yield unreadable


@each_event
def test_no_refusal_to_read_shows_what_is_personal(event: type[Event]) -> None:
    golden = sample(event.type())
    shown = [everything_shown(each) for each in complaints(event, golden)]
    assert len(shown) > len(golden.value)
    assert shown_in(" ".join(shown), golden) == []


@each_event
def test_half_a_message_shows_nothing_of_itself(event: type[Event]) -> None:
    golden = sample(event.type())
    headers, value = golden.carried()
    with pytest.raises(Unreadable) as refused:
        read(headers, value[:-1], [event])
    assert shown_in(everything_shown(refused.value), golden) == []


def test_a_model_made_by_hand_does_not_quote_what_it_refuses() -> None:
    with pytest.raises(ValueError, match="national_id") as refused:
        AppointmentBookedInFull.model_validate({"patient": {"national_id": ["9"]}})
    assert "'9'" not in everything_shown(refused.value)


def test_a_service_that_has_no_need_of_it_never_holds_a_national_id() -> None:
    golden = sample("appointment.booked.v1")
    said = read(*golden.carried(), [AppointmentBooked])
    assert type(said) is AppointmentBooked
    assert "national_id" in json.dumps(golden.value)
    assert "national_id" not in write(said).value.decode()
    assert "national_id" not in str(vars(said))


def test_identity_alone_reads_the_national_id_of_patient_and_guardian() -> None:
    golden = sample("appointment.booked.v1")
    said = read(*golden.carried(), [AppointmentBookedInFull])
    assert isinstance(said, AppointmentBookedInFull)
    held = [said.patient.national_id, *(each.national_id for each in said.guardians)]
    told = [golden.value["patient"], *golden.value["guardians"]]
    assert [each.get_secret_value() for each in held] == [
        each["national_id"] for each in told
    ]
