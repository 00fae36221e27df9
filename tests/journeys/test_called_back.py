"""Who has put the telephone away is called back, by the ways that they agreed to."""

import asyncio
from dataclasses import replace
from typing import Any

from chassis.clock import now
from dev.booking import Booking
from dev.texts import Text
from tests.journeys.people import Patient, Staff
from tests.journeys.suite import PATIENCE, Suite, until

ASK = """async ([method, path, headers, told]) => {
  const answer = await fetch(path, {method, headers, body: told && JSON.stringify(told)});
  return {status: answer.status, told: await answer.json()};
}"""


async def ask(
    who: Patient | Staff, method: str, path: str, told: Any = None, **more: str
) -> Any:
    """A request as the page makes it; returns the answer's JSON once it is a yes."""
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    answer = await who.page.evaluate(ASK, [method, path, headers, told])
    assert answer["status"] == 200, answer
    return answer["told"]


async def put_away(suite: Suite, *, texts: bool) -> tuple[Booking, Patient]:
    """A patient who waits and looks at the page no more."""
    booking = replace(suite.booking("sv"), texts=texts)
    await suite.say(booking.said(now()))
    patient = await suite.identified(booking, "sv")
    await patient.skip_checks()
    await patient.asks()
    return booking, patient


async def summon(nurse: Staff, booking: Booking) -> None:
    async def away() -> dict[str, Any] | None:
        queue = await ask(nurse, "GET", "/lobby/api/queue")
        for each in queue["appointments"]:
            if each["appointment_id"] == booking.appointment_id:
                return next((p for p in each["people"] if p["away_since"]), None)
        return None

    person = await until(away, "nobody is away")
    path = (
        f"/lobby/api/appointments/{booking.appointment_id}/people/{person['person_id']}"
    )
    version = f'"{person["version"]}"'
    await ask(nurse, "POST", f"{path}/summons", If_Match=version)


async def texted(suite: Suite, since: int, words: str) -> Text:
    """The text that came after so many."""

    def new(texts: tuple[Text, ...]) -> list[Text]:
        return [each for each in texts[: len(texts) - since] if words in each.text]

    async with asyncio.timeout(PATIENCE):
        await suite.post.texts.until(lambda texts: bool(new(texts)))
    (text,) = new(suite.post.texts.all)
    return text


async def test_by_text_when_the_booking_says_that_they_agreed(suite: Suite) -> None:
    booking, patient = await put_away(suite, texts=True)
    nurse = await suite.staff()
    before = len(suite.post.texts.all)
    await ask(patient, "POST", "/lobby/api/visit/away")
    await patient.page.goto("about:blank")
    await summon(nurse, booking)
    text = await texted(suite, before, "din tur")
    assert text.to == booking.patient.phone.get_secret_value()


async def test_by_text_when_they_agree_on_the_page(suite: Suite) -> None:
    booking, patient = await put_away(suite, texts=False)
    nurse = await suite.staff()
    ways = await ask(patient, "GET", "/notifier/api/visit/channels")
    number = booking.patient.phone.get_secret_value()
    texts = {"possible": True, "agreed": False, "ends_with": number[-2:]}
    assert ways["text_messages"] == texts
    agreed = {"text_messages": True}
    await ask(patient, "PUT", "/notifier/api/visit/consent", agreed)
    before = len(suite.post.texts.all)
    await ask(patient, "POST", "/lobby/api/visit/away")
    await patient.page.goto("about:blank")
    await summon(nurse, booking)
    await texted(suite, before, "din tur")


async def test_who_has_not_come_is_told_of_a_delay(suite: Suite) -> None:
    booking = replace(suite.booking("fi"), texts=True)
    await suite.say(booking.said(now()))
    await suite.mail(booking)
    nurse = await suite.staff()
    before = len(suite.post.texts.all)

    async def said() -> Any:
        path = f"/lobby/api/appointments/{booking.appointment_id}/delay"
        arguments = ["POST", path, {}, {"minutes": 15}]
        answer = await nurse.page.evaluate(ASK, arguments)
        return answer if answer["status"] == 200 else None

    await until(said, "the lobby knows the appointment")
    text = await texted(suite, before, "15 minuuttia myöhässä")
    assert text.to == booking.patient.phone.get_secret_value()
