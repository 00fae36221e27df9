"""Bookings as Kafka brings them."""

from contract.catalogue import parked
from contract.envelope import write
from tests.chassis import kafka as listening
from tests.identity.conftest import Town
from tests.identity.people import ADULT, booked, new_appointment


async def say(town: Town, appointment_id: str, patient: str) -> None:
    said = booked(appointment_id, 0, patient).told_by("booking-system", town.clock())
    message = write(said)
    await listening.publish(
        town.around.kafka,
        message.topic,
        message.value,
        list(message.headers),
        key=message.key,
    )


async def test_an_unusable_code_is_parked_at_once_and_the_next_booking_is_heard(
    town: Town,
) -> None:
    bad, good = new_appointment(), new_appointment()
    await say(town, bad, "131052-308U")
    await say(town, good, ADULT)
    (record,) = await listening.said(
        town.around.kafka, parked("identity"), lambda each: each.key == bad.encode(), 1
    )
    assert dict(record.headers)["parked-reason"] == b"not_as_agreed"

    async def heard() -> bool:
        found = await town.rows(
            "SELECT appointment_id FROM attendee WHERE appointment_id IN ($1, $2)",
            bad,
            good,
        )
        return [row["appointment_id"] for row in found] == [good]

    await listening.until(heard)
    assert "131052" not in town.logged
    assert "Testi" not in town.logged
