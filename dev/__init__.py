"""The suite on one machine: real servers without Docker, and stand-ins for the world outside.

Nothing here is deployed. Start at postgres.py and kafka.py for the servers,
mailbox.py and idp/ for the world outside, booking.py for what a unit books.
"""
