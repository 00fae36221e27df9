"""What is written says what was said, and makes up nothing beside it."""

import json

from contract.booking import AppointmentBooked
from contract.envelope import write
from contract.lobby import AppointmentDelayed
from contract.samples import sample
from tests.contract.test_golden import said


def test_a_field_that_came_later_is_not_written_unless_it_was_said() -> None:
    assert "inferred" in AppointmentDelayed.model_fields
    old = sample("appointment.delayed.v1").value
    assert (
        json.loads(write(said(AppointmentDelayed, AppointmentDelayed.type())).value)
        == old
    )


def test_a_field_that_was_said_is_written_also_as_its_default() -> None:
    delayed = AppointmentDelayed(
        appointment_id="testi-1", minutes=5, inferred=False
    ).told_by("lobby", said(AppointmentBooked, "appointment.booked.v1").time)
    assert json.loads(write(delayed).value)["inferred"] is False
