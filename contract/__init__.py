"""What is said on Kafka: one module per speaker. Nothing here knows who is listening.

Topic = event type without version; key = `appointment_id`; value = JSON.
Start at  envelope.py, then catalogue.py
"""
