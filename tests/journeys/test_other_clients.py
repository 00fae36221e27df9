"""A booking system of another make: what it says is acted on once, and nothing is lost."""

import json

from confluent_kafka import Producer

from chassis.clock import now
from dev.booking import Booking
from tests.journeys.booking_system import heard
from tests.journeys.suite import Suite, until


async def test_the_same_event_again_leads_to_nothing(suite: Suite) -> None:
    booking = await suite.book("fi")
    await suite.mail(booking)
    said = booking.said(now())
    await suite.say(said)
    await suite.say(said)
    following = await suite.book("sv")
    await suite.mail(following)
    assert len(await suite.mails(booking)) == 1


async def test_structured_mode_is_understood(suite: Suite) -> None:
    booking = suite.booking("en")
    said = booking.said(now())
    event = {
        "specversion": "1.0",
        "id": said.event_id,
        "source": "/another-booking-system",
        "type": "appointment.booked.v1",
        "time": now().isoformat(),
        "datacontenttype": "application/json",
        "data": json.loads(said.value()),
    }
    publish(
        suite,
        booking,
        json.dumps(event).encode(),
        [("content-type", b"application/cloudevents+json")],
    )
    assert (await suite.mail(booking))["Subject"]


async def test_a_broken_one_is_parked_with_a_reason_and_the_next_one_is_handled(
    suite: Suite,
) -> None:
    broken, good = suite.booking("sv"), suite.booking("sv")
    said = broken.said(now())
    told = json.loads(said.value())
    del told["patient"]["email"]
    publish(suite, broken, json.dumps(told).encode(), said.headers())
    await suite.say(good.said(now()))
    assert await suite.mail(good)

    async def parked() -> dict[str, bytes] | None:
        kept = await heard(
            suite.around.kafka, "parked.invitation", broken.appointment_id
        )
        return dict(kept[0].headers() or []) if kept else None

    headers = await until(parked, "the broken one is parked")
    assert headers["parked-reason"] == b"not_as_agreed"
    assert headers["parked-topic"] == b"appointment.booked"
    assert headers["ce_id"] == said.event_id.encode()
    assert await suite.mails(broken) == []


def publish(
    suite: Suite, booking: Booking, value: bytes, headers: list[tuple[str, bytes]]
) -> None:
    producer = Producer({"bootstrap.servers": suite.around.kafka})
    producer.produce(
        "appointment.booked", value, booking.appointment_id, headers=headers
    )
    assert producer.flush(30) == 0
