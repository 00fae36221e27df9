"""`appointment.booked` with the personal identity codes in it. Identity alone may import this.

`national_id` is a Finnish personal identity code, or a compact JWE of one to identity's key.
"""

from contract.booking import AppointmentBooked, Guardian, Patient
from contract.personal import Personal


class PatientInFull(Patient):
    """Whom the appointment is for."""

    national_id: Personal
    "A Finnish personal identity code, or a compact JWE of one to identity's key."


class GuardianInFull(Guardian):
    """Who may attend with, or for, a child below the age limit."""

    national_id: Personal
    "A Finnish personal identity code, or a compact JWE of one to identity's key."


class AppointmentBookedInFull(AppointmentBooked):
    """A patient has a time."""

    patient: PatientInFull
    guardians: tuple[GuardianInFull, ...] = ()
