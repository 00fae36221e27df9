"""Identity: who someone is, and whether they may attend.

Owns      appointment, attendee, link, attempt, echo, act, session, handover, heard_logout, audit
Hears     appointment.booked, appointment.rescheduled, appointment.cancelled, invitation.issued
Says      patient.identified
Start at  flows.py
"""
