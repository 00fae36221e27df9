"""From the booking to the closed call, as product.md tells it, in each language once."""

import asyncio

import pytest
from confluent_kafka import Consumer

from tests.journeys.conftest import Suite, screen, until

GREETING = {
    "sv": "Välkommen",
    "fi": "Tervetuloa",
    "en": "Welcome",
}


@pytest.mark.parametrize("language", ["sv", "fi", "en"])
async def test_from_the_mailbox_to_the_closed_call(suite: Suite, language: str) -> None:
    booking = await suite.book(language)
    link = await suite.link(booking)
    patient = await suite.patient(language)

    await patient.open(link)
    heading = patient.page.locator("h1:visible").first
    assert GREETING[language] in (await heading.inner_text()).replace("\u00ad", "")
    assert link.split("?")[0] not in patient.page.url
    await screen(patient.page, f"entry-{language}")

    await patient.identify(language)
    await patient.sees("check")
    assert await patient.page.locator("html").get_attribute("lang") == language
    await patient.pass_checks()
    await screen(patient.page, f"wait-open-{language}")
    await patient.asks()
    await screen(patient.page, f"wait-in-line-{language}")

    nurse = await suite.staff(language=language)
    await nurse.opens_door(booking.appointment_id)
    await screen(nurse.page, f"staff-admit-{language}")
    await nurse.does("confirm-admit")
    await nurse.sees("call")
    await patient.sees("call")
    await patient.sees_the_other_move()
    await nurse.sees_the_other_move()
    await screen(patient.page, f"call-{language}")
    await screen(nurse.page, f"staff-call-{language}")

    await patient.hangs_up()
    await screen(patient.page, f"closed-{language}")
    ended = await until(
        lambda: heard(suite, "call.ended", booking.appointment_id), "call.ended"
    )
    assert b"patient" in ended


async def heard(suite: Suite, topic: str, appointment_id: str) -> bytes | None:
    """What a booking system hears on this topic of its appointment, or nothing."""
    return await asyncio.to_thread(
        _heard, suite.around.kafka, topic, appointment_id.encode()
    )


def _heard(servers: str, topic: str, key: bytes) -> bytes | None:
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
        found = [each for each in consumer.consume(500, timeout=5) if each.key() == key]
    finally:
        consumer.close()
    return found[0].value() if found else None
