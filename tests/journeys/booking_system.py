"""A booking system's ear: what it hears on a topic about its appointment."""

import asyncio

from confluent_kafka import Consumer, Message


async def heard(servers: str, topic: str, appointment_id: str) -> list[Message]:
    """Every message so far about this appointment on this topic."""
    return await asyncio.to_thread(_heard, servers, topic, appointment_id.encode())


def _heard(servers: str, topic: str, key: bytes) -> list[Message]:
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "booking-system",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    try:
        return [each for each in consumer.consume(500, timeout=5) if each.key() == key]
    finally:
        consumer.close()


def names(messages: list[Message]) -> list[bytes]:
    """The ids of these events."""
    return [dict(each.headers() or [])["ce_id"] for each in messages]
