"""A forgiving ear: what is let pass, what is read, and what is refused with which reason."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from contract.booking import AppointmentBooked, AppointmentCancelled
from contract.envelope import Event, Unreadable, Why, read, write
from contract.lobby import PatientAdmitted
from contract.samples import Sample, sample

NEVER_HEARD_OF = sample("call.ended.v1")


def heard(message: Sample, *expected: type[Event]) -> Event | None:
    headers, value = message.carried()
    return read(headers, value, expected)


def cancelled(**changed: Any) -> Sample:
    """The sample of a cancellation with other headers; None takes one away."""
    whole = sample("appointment.cancelled.v1")
    headers = {
        name: value
        for name, value in (whole.headers | changed).items()
        if value is not None
    }
    return Sample(headers, whole.key, whole.value)


def structured(change: Callable[[dict[str, Any]], object]) -> Sample:
    whole = sample("appointment.booked.v1.structured")
    change(whole.value)
    return whole


def reason(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Why:
    with pytest.raises(Unreadable) as refused:
        read(headers, value, [AppointmentCancelled, AppointmentBooked])
    return refused.value.why


def test_binary_mode_is_read() -> None:
    said = heard(sample("patient.admitted.v1"), PatientAdmitted)
    assert isinstance(said, PatientAdmitted)
    assert said.professional_id == "testi-professional-1"
    assert said.source == "/lobby"


def test_structured_mode_says_the_same_as_binary_mode() -> None:
    twins = (
        sample("appointment.booked.v1"),
        sample("appointment.booked.v1.structured"),
    )
    binary, structured = (heard(each, AppointmentBooked) for each in twins)
    assert binary == structured


def test_a_structured_message_may_have_the_headers_of_binary_mode_too() -> None:
    whole = sample("appointment.booked.v1.structured")
    both = Sample(
        {**whole.headers, "ce_type": "appointment.booked.v1"}, whole.key, whole.value
    )
    assert isinstance(heard(both, AppointmentBooked), AppointmentBooked)


def test_header_names_are_read_in_any_case() -> None:
    headers, value = cancelled().carried()
    shouting = [(name.upper(), each) for name, each in headers]
    assert isinstance(
        read(shouting, value, [AppointmentCancelled]), AppointmentCancelled
    )


def test_headers_of_others_are_nothing_to_us() -> None:
    headers, value = cancelled().carried()
    foreign = (*headers, ("traceparent", b"\xff\xfe"), ("empty", None))
    assert isinstance(
        read(foreign, value, [AppointmentCancelled]), AppointmentCancelled
    )


def test_a_type_that_nobody_asked_for_is_let_pass() -> None:
    assert heard(NEVER_HEARD_OF, AppointmentCancelled) is None


def test_a_type_that_nobody_asked_for_may_hold_anything() -> None:
    headers, _ = NEVER_HEARD_OF.carried()
    assert read(headers, b"\x00\xff", [AppointmentCancelled]) is None


def test_unknown_fields_are_let_pass() -> None:
    plain = cancelled()
    told = Sample(plain.headers, plain.key, {**plain.value, "colour": "green"})
    assert heard(told, AppointmentCancelled) == heard(plain, AppointmentCancelled)


def test_the_data_cannot_pose_as_the_envelope() -> None:
    plain = cancelled()
    forged = {**plain.value, "event_id": "forged", "source": "/lobby"}
    said = heard(Sample(plain.headers, plain.key, forged), AppointmentCancelled)
    assert said == heard(plain, AppointmentCancelled)


def test_a_missing_time_stays_missing() -> None:
    said = heard(cancelled(ce_time=None), AppointmentCancelled)
    assert said is not None
    assert said.time is None


def test_a_missing_content_type_means_json() -> None:
    said = heard(cancelled(**{"content-type": None}), AppointmentCancelled)
    assert isinstance(said, AppointmentCancelled)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ce_id": None},
        {"ce_id": ""},
        {"ce_source": None},
        {"ce_type": None},
        {"ce_specversion": None},
        {"ce_specversion": "0.3"},
        {"ce_time": "yesterday"},
        {"ce_time": "2026-11-23T10:00:00"},
    ],
    ids=str,
)
def test_an_envelope_with_a_flaw_is_not_a_cloudevent(
    wrong: dict[str, str | None],
) -> None:
    headers, value = cancelled(**wrong).carried()
    assert reason(headers, value) is Why.NOT_A_CLOUDEVENT


def test_a_message_without_headers_is_not_a_cloudevent() -> None:
    assert reason((), cancelled().carried()[1]) is Why.NOT_A_CLOUDEVENT


def test_a_header_that_is_not_text_is_not_a_cloudevent() -> None:
    headers, value = cancelled().carried()
    assert reason((*headers, ("ce_subject", b"\xff")), value) is Why.NOT_A_CLOUDEVENT


@pytest.mark.parametrize("flaw", ["id", "source", "type", "specversion"])
def test_a_structured_message_needs_each_attribute(flaw: str) -> None:
    headers, value = structured(lambda whole: whole.pop(flaw)).carried()
    assert reason(headers, value) is Why.NOT_A_CLOUDEVENT


def test_a_batch_is_not_a_cloudevent() -> None:
    one = sample("appointment.booked.v1.structured").value
    headers = [("content-type", b"application/cloudevents-batch+json")]
    assert reason(headers, json.dumps([one]).encode()) is Why.NOT_A_CLOUDEVENT


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"\xff\xfe", b"[" * 10_000, b'{"a": 1} {"b": 2}']
)
@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_a_value_that_is_not_json_is_refused_as_that(
    mode: str, value: bytes | None
) -> None:
    whole = (
        cancelled() if mode == "binary" else sample("appointment.booked.v1.structured")
    )
    assert reason(whole.carried()[0], value) is Why.NOT_JSON


@pytest.mark.parametrize(
    "value", [b"null", b"[]", b'"text"', b"7", b"{}", b'{"sequence": -1}']
)
def test_json_of_another_shape_is_not_as_agreed(value: bytes) -> None:
    assert reason(cancelled().carried()[0], value) is Why.NOT_AS_AGREED


def test_a_structured_message_without_data_is_not_as_agreed() -> None:
    headers, value = structured(lambda whole: whole.pop("data")).carried()
    assert reason(headers, value) is Why.NOT_AS_AGREED


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("appointment_id", "no/slashes"),
        ("appointment_id", "a" * 65),
        ("appointment_id", ""),
        ("sequence", -1),
        ("sequence", "many"),
        ("service", "surgery"),
        ("starts_at", "2026-11-23T10:00:00"),
        ("ends_at", "2026-11-23T09:59:59+02:00"),
        ("unit", None),
        ("guardians", {}),
    ],
)
def test_a_field_of_another_shape_is_not_as_agreed(field: str, wrong: object) -> None:
    whole = sample("appointment.booked.v1")
    changed = Sample(whole.headers, whole.key, {**whole.value, field: wrong})
    assert reason(*changed.carried()) is Why.NOT_AS_AGREED


def test_a_line_break_in_a_name_is_not_as_agreed() -> None:
    whole = sample("appointment.booked.v1")
    whole.value["patient"]["name"] = "Testi\r\nBcc: everyone@example.test"
    assert reason(*whole.carried()) is Why.NOT_AS_AGREED


def test_an_event_that_nobody_has_told_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="told_by"):
        write(AppointmentCancelled(appointment_id="a-1", sequence=1))
