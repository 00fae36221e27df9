"""The lobby: patients wait here until a professional lets them in.

Owns      visits, places, the start page and all other pages
Hears     appointment.booked, appointment.rescheduled, appointment.cancelled,
          patient.identified, invitation.failed, call.started, call.ended
Says      patient.waiting, patient.left, patient.admitted, patient.refused,
          patient.returned, appointment.missed
Start at  flows.py
"""
