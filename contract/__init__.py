"""What is said on Kafka: one module per speaker. No speaker knows who is listening.

Topic = event type without version; key = `appointment_id`; value = JSON.
`catalogue.py` is the list of all events, and what documents and ACLs are made from.
Start at  envelope.py, then catalogue.py
"""
