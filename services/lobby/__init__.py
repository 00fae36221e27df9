"""The lobby: patients wait here until a professional lets them in.

Owns      visits, places, messages, the start page and all other pages
Hears     appointment.booked, appointment.rescheduled, appointment.cancelled,
          patient.identified, invitation.sent, invitation.failed, call.started,
          call.ended
Says      patient.waiting, patient.left, patient.admitted, patient.refused,
          patient.returned, patient.away, patient.back, patient.summoned,
          message.sent, message.read, appointment.delayed, appointment.missed,
          appointment.unserved
Start at  flows.py, then absences.py, messages.py and delays.py
"""
