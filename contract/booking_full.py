"""`appointment.booked` with the personal identity codes in it. Identity alone may import this.

`national_id` is a Finnish personal identity code, or a compact JWE of one to identity's key.
"""

from contract.booking import AppointmentBooked, Guardian, Patient
from contract.personal import Personal


class PatientInFull(Patient):
    national_id: Personal


class GuardianInFull(Guardian):
    national_id: Personal


class AppointmentBookedInFull(AppointmentBooked):
    """A patient has a time."""

    patient: PatientInFull
    guardians: tuple[GuardianInFull, ...] = ()
