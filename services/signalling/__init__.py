"""Signalling: brings the browsers of one call together and keeps count of the call.

Owns      rooms (in memory, shared by all instances through PostgreSQL), admissions and
          calls (in PostgreSQL), TURN credentials
Hears     patient.admitted, patient.returned, appointment.cancelled
Says      call.started, call.ended
Start at  docs/protocol.md, then flows.py and rooms.py; instance.py for members elsewhere
"""
