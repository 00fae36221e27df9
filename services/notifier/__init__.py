"""The notifier: whoever looks at a page is told at once when something happens, and
whoever does not is told by the ways that they agreed to.

Owns      notices, doorbells, messages, how people are reached, and which appointments
          belong to which unit
Hears     appointment.booked, appointment.rescheduled, appointment.cancelled,
          invitation.failed, patient.identified, patient.waiting, patient.left,
          patient.admitted, patient.refused, patient.returned, patient.away,
          patient.back, patient.summoned, message.sent, message.read,
          appointment.delayed, appointment.missed, appointment.unserved,
          call.started, call.ended
Says      –
Start at  flows.py, then stream.py and bells.py; for messages patients.py and
          messages.py
"""  # noqa: RUF002 - silence is written with a dash
