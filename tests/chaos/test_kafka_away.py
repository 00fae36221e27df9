"""The broker stops after the booking: people still ask, are admitted and talk."""

from playwright.async_api import Browser

from dev import kafka as kafkas
from dev import postgres as postgreses
from tests.journeys.booking_system import heard, names
from tests.journeys.suite import running, until

SAID = (
    "patient.identified",
    "patient.waiting",
    "patient.admitted",
    "call.started",
    "call.ended",
)


async def test_a_visit_goes_on_without_kafka_and_its_events_arrive_afterwards(
    postgres: postgreses.Server,
    browser: Browser,
    breakable_kafka: kafkas.ApacheKafka,
) -> None:
    kafka = breakable_kafka
    async with running(postgres, kafka.servers, browser) as suite:
        booking = await suite.book("sv")
        link = await suite.link(booking)
        nurse = await suite.staff()
        await nurse.sees_row(booking.appointment_id)
        await kafka.stop()

        patient = await suite.patient()
        await patient.open(link)
        await patient.identify("sv")
        await patient.sees("check")
        await patient.skip_checks()
        await patient.asks()
        await nurse.admits(booking.appointment_id)
        await patient.sees("call")  # nobody tells the page: it asks every five seconds
        await patient.sees_the_other_move()
        await nurse.sees_the_other_move()
        await patient.hangs_up()

        await kafka.start()
        for topic in SAID:

            async def arrived(topic: str = topic) -> list[bytes] | None:
                said = await heard(kafka.servers, topic, booking.appointment_id)
                return names(said) or None

            found = await until(arrived, f"{topic} arrives", patience=90)
            assert len(set(found)) == 1
