"""The invitation: every patient is told once, and in time, what is true of their appointment.

Owns      appointments as the patient and their companions are told of them, deliveries,
          the links
Hears     appointment.booked, appointment.rescheduled, appointment.cancelled,
          appointment.delayed, patient.waiting, call.started
Says      invitation.issued, invitation.sent, invitation.failed
Start at  flows.py
"""
