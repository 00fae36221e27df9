"""Doorbells over PostgreSQL: what is heard, what time does, and what staff do."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count, permutations
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from prometheus_client import REGISTRY
from pydantic import SecretStr

from chassis.database import Writer
from chassis.logs import log
from contract.envelope import Event
from contract.lobby import (
    AppointmentMissed,
    AppointmentUnserved,
    MessageSent,
    OfAPerson,
    PatientLeft,
    PatientReturned,
    PatientSummoned,
)
from dev.mailbox import post_office
from services.notifier import message_store
from services.notifier.bells import Bells
from services.notifier.doorbell import Door, Doorbell, NoDoorbell, Rung
from services.notifier.message import Message
from services.notifier.units import Units
from services.notifier.waking import Waking
from tests.chassis.conftest import NINE
from tests.keys import HOUR, ORIGIN, a_professional, a_visit
from tests.notifier.conftest import House
from tests.notifier.events import (
    GUARDIAN,
    PATIENT,
    admitted,
    booked,
    cancelled,
    moved,
    refused,
    topics,
    waiting,
)

SECOND = timedelta(seconds=1)
STAFF = a_professional(NINE + timedelta(days=3), "u1")
OTHERS = a_professional(NINE + timedelta(days=3), "u2")
ACKNOWLEDGED = 200
NOT_FOUND = 404
DUTY = {"email": "duty@example.fi", "phone": "+358401234567", "language": "fi"}
UNITS = Units.model_validate(
    {
        "units": {
            "u1": {
                "duty": DUTY,
                "ladder": {"push": 30, "colleague": 90, "duty": 180},
            },
            "asleep": {"duty": DUTY, "quiet": [{"from": "10:00", "to": "12:00"}]},
        }
    }
)


@dataclass
class Hall:
    """The notifier of one instance, the bells of a unit that has a duty contact."""

    house: House
    bells: Bells

    async def hear(self, *events: Event) -> None:
        await self.house.hear(*events)

    async def after(self, seconds: float) -> None:
        """So long after nine, when whatever is due has been climbed."""
        self.house.watch.shows = at(seconds)
        for _ in Rung:
            await self.bells.climb()

    async def open_at(self, *units: str) -> Sequence[Doorbell]:
        return await self.bells.open_at(units or ["u1"])

    async def messages(self) -> list[Message]:
        async with self.bells.database.reading() as tx:
            return list(await message_store.of_appointment(tx, "a-1"))

    async def subscribe(self, professional: str, *units: str) -> UUID:
        """A browser of theirs agrees to be told."""
        name = uuid4()
        async with self.bells.database.writing() as tx:
            await tx.execute(
                """
                INSERT INTO subscription
                       (subscription_id, audience, person, units, endpoint, p256dh, auth,
                        language, kept_until)
                VALUES ($1, 'unit', $2, $3, $4, 'k', 'a', 'fi', $5)
                """,
                name,
                professional,
                list(units),
                f"https://push.example/{name}",
                NINE + timedelta(days=30),
            )
        return name


@pytest.fixture
def hall(house: House) -> Hall:
    bells = Bells(house.notifier.database, house.watch, log("notifier"), Waking(UNITS))
    notifier = replace(house.notifier, ears=[bells])
    return Hall(replace(house, notifier=notifier), bells)


def at(seconds: float) -> datetime:
    return NINE + seconds * SECOND


def when(event: Event, seconds: float) -> Event:
    """The same, but at another moment."""
    return event.model_copy(update={"at": at(seconds)})


def of_patient(kind: type[OfAPerson], seconds: float, **more: Any) -> OfAPerson:
    return kind(
        source="/lobby",
        appointment_id="a-1",
        person_id=PATIENT,
        at=at(seconds),
        **more,
    )


def left(seconds: float) -> Event:
    return of_patient(PatientLeft, seconds, unit_id="u1")


def returned(seconds: float) -> Event:
    return of_patient(PatientReturned, seconds, professional_id="p1", reason="other")


def summoned(seconds: float) -> Event:
    until = at(seconds + 180)
    return of_patient(PatientSummoned, seconds, professional_id="p1", until=until)


def messaged(seconds: float) -> Event:
    said = {"message_id": uuid4(), "code": "soon"}
    return of_patient(MessageSent, seconds, professional_id="p1", **said)


def missed(seconds: float) -> Event:
    return AppointmentMissed(source="/lobby", appointment_id="a-1", at=at(seconds))


def unserved(seconds: float) -> Event:
    return AppointmentUnserved(
        source="/lobby",
        appointment_id="a-1",
        at=at(seconds),
        waiting_since=at(0),
    )


async def test_the_ladder_is_climbed_by_time_and_the_unit_is_told(hall: Hall) -> None:
    server = await hall.house.instance(doorbell_seconds=3600)
    async with (
        hall.house.listening(server, STAFF) as page,
        hall.house.listening(server, a_visit(NINE + HOUR)) as patient,
    ):
        await page.snapshot()
        await patient.snapshot()
        await hall.hear(booked(), waiting())
        for seconds in (29, 30, 89, 90, 179, 180, 900):
            await hall.after(seconds)
        await hall.hear(when(admitted(), 901))
        told = await page.notices(6)
        assert topics(told) == [
            "appointment.booked",
            "patient.waiting",
            *["doorbell.rung"] * 3,
            "patient.admitted",
        ]
        rung = told[2:5]
        assert [each["rung"] for each in rung] == ["push", "colleague", "duty"]
        assert [each["at"] for each in rung] == [
            at(seconds).isoformat() for seconds in (30, 90, 180)
        ]
        assert {each["person_id"] for each in rung} == {str(PATIENT)}
        assert "doorbell.rung" not in topics(await patient.notices(3))


async def test_push_wakes_the_professional_and_who_has_no_console_open(
    hall: Hall,
) -> None:
    own = await hall.subscribe("p1", "u1")
    at_work = await hall.subscribe("p2", "u1")
    at_home = await hall.subscribe("p3", "u1", "u9")
    await hall.subscribe("p4", "u2")
    await hall.hear(booked(), waiting())
    hall.house.watch.shows = at(20)
    await hall.bells.see_consoles(["p1", "p2"])
    await hall.after(30)
    first = await hall.messages()
    assert {each.subscription_id for each in first} == {own, at_home}
    await hall.after(90)
    then = (await hall.messages())[len(first) :]
    assert {each.subscription_id for each in then} == {own, at_work, at_home}
    assert [dict(each.codes) for each in then] == [
        {"rung": "colleague", "minutes": 1}
    ] * 3


async def test_a_console_that_is_not_seen_for_a_while_is_closed(hall: Hall) -> None:
    at_work = await hall.subscribe("p2", "u1")
    await hall.bells.see_consoles(["p2"])
    await hall.hear(booked(), waiting())
    await hall.after(31)
    assert [each.subscription_id for each in await hall.messages()] == [at_work]


async def test_an_open_console_is_seen_by_every_instance(hall: Hall) -> None:
    server = await hall.house.instance()
    async with hall.house.listening(server, STAFF) as page:
        await page.snapshot()

        async def seen() -> bool:
            async with hall.bells.database.reading() as tx:
                return bool(await tx.fetchval("SELECT count(*) FROM console"))

        await hall.bells.see_consoles([])
        async with asyncio.timeout(60):
            while not await seen():  # noqa: ASYNC110 - nobody announces it
                await asyncio.sleep(0.05)


async def test_duty_gets_an_e_mail_and_a_text_message(hall: Hall) -> None:
    await hall.hear(booked(), waiting())
    await hall.after(200)
    found = await hall.messages()
    assert {(each.channel, each.to) for each in found} == {
        ("email", "duty"),
        ("sms", "duty"),
    }
    assert {each.until for each in found} == {at(200) + timedelta(minutes=10)}


async def test_messages_name_nobody(hall: Hall) -> None:
    await hall.subscribe("p1", "u1")
    await hall.hear(booked(), waiting())
    await hall.after(200)
    async with hall.bells.database.reading() as tx:
        stored = str([dict(row) for row in await tx.fetch("SELECT * FROM message")])
    for personal in ("Testi", "duty@example.fi", "+35840", "push.example"):
        assert personal not in stored


async def test_quiet_hours_wait_but_open_consoles_ring(hall: Hall) -> None:
    """From ten to twelve on a Finnish wall; nine is eleven there."""
    await hall.subscribe("p1", "asleep")
    ends_late = booked(unit="asleep").model_copy(update={"ends_at": NINE + 9 * HOUR})
    await hall.hear(ends_late, waiting())
    await hall.after(600)
    [bell] = await hall.open_at("asleep")
    assert set(bell.climbed) == {Rung.COLLEAGUE}
    assert await hall.messages() == []
    await hall.after(3600)
    [bell] = await hall.open_at("asleep")
    assert set(bell.climbed) == set(Rung)
    assert {each.channel for each in await hall.messages()} == {"push", "email", "sms"}


async def test_of_many_instances_one_climbs_each_rung(hall: Hall) -> None:
    await hall.hear(booked(), *(waiting(person=UUID(int=n)) for n in range(1, 6)))
    hall.house.watch.shows = at(200)
    await asyncio.gather(*(hall.bells.climb() for _ in range(24)))
    async with hall.bells.database.reading() as tx:
        rungs = await tx.fetch(
            """
            SELECT person_id, codes, count(*) FROM notice
             WHERE topic = 'doorbell.rung' GROUP BY person_id, codes
            """
        )
        keys = await tx.fetchval("SELECT count(*) FROM message")
    assert [row["count"] for row in rungs] == [1] * 15
    assert keys == 5 * 2


async def test_a_restart_an_hour_later_wakes_everybody_who_was_to_be_woken(
    hall: Hall,
) -> None:
    await hall.hear(booked(), waiting())
    await hall.after(40)
    later = Bells(hall.bells.database, hall.house.watch, hall.bells.log, Waking(UNITS))
    hall.house.watch.shows = at(3600)
    await later.begin()
    for _ in Rung:
        await later.climb()
    [bell] = await hall.open_at()
    assert bell.climbed == {
        Rung.PUSH: at(40),
        Rung.COLLEAGUE: at(3600),
        Rung.DUTY: at(3600),
    }


async def test_a_clock_that_is_put_back_loses_no_rung(hall: Hall) -> None:
    await hall.hear(booked(), waiting())
    await hall.after(40)
    await hall.after(-3600)
    await hall.after(200)
    [bell] = await hall.open_at()
    assert set(bell.climbed) == set(Rung)


async def test_rules_that_changed_while_we_were_away_hold_from_then_on(
    hall: Hall,
) -> None:
    await hall.hear(booked(), waiting())
    soon = {"units": {"u1": {"duty": DUTY, "ladder": {"duty": 60}}}}
    others = Waking(Units.model_validate(soon))
    later = replace(hall.bells, waking=others)
    hall.house.watch.shows = at(65)
    await later.begin()
    for _ in range(3):
        await later.climb()
    [bell] = await hall.open_at()
    assert bell.highest is Rung.DUTY


async def test_a_bell_that_fails_keeps_no_other_from_ringing(hall: Hall) -> None:
    class Failing(Waking):
        async def wake(
            self, tx: Writer, bell: Doorbell, door: Door, rung: Rung, now: datetime
        ) -> None:
            if bell.person_id == PATIENT:
                raise ZeroDivisionError
            await super().wake(tx, bell, door, rung, now)

    hall.bells = replace(hall.bells, waking=Failing(UNITS))
    await hall.hear(booked(), waiting(), waiting(person=GUARDIAN))
    await hall.after(200)
    climbed = {each.person_id: each.highest for each in await hall.open_at()}
    assert climbed == {PATIENT: None, GUARDIAN: Rung.DUTY}


@pytest.mark.parametrize(
    "ends",
    [
        when(admitted(), 10),
        when(refused("other"), 10),
        left(10),
        missed(10),
        unserved(10),
        cancelled(),
        moved(),
    ],
    ids=lambda event: event.topic,
)
@pytest.mark.parametrize("late", [False, True], ids=["in order", "late"])
async def test_what_ends_the_waiting_ends_the_bell(
    hall: Hall, ends: Event, late: bool
) -> None:
    """In whatever order Kafka brings the topics."""
    came = [waiting(), ends]
    await hall.hear(booked(), *(reversed(came) if late else came))
    await hall.after(600)
    assert await hall.open_at() == []
    assert await hall.messages() == []


@pytest.mark.parametrize("answers", [messaged(10), summoned(10)])
async def test_a_message_and_a_summons_stop_the_bell_of_who_still_waits(
    hall: Hall, answers: Event
) -> None:
    await hall.hear(booked(), waiting(), answers)
    await hall.after(600)
    [bell] = await hall.open_at()
    assert bell.answered
    assert (bell.answered.by, bell.climbed) == ("p1", {})


async def test_who_came_again_rings_whatever_is_heard_late(hall: Hall) -> None:
    names = count(1)
    story = (waiting(), left(10), when(waiting(), 20))
    for order in permutations(story):
        name = f"b-{next(names)}"
        again = [
            each.model_copy(update={"appointment_id": name, "event_id": str(uuid4())})
            for each in order
        ]
        await hall.hear(booked(name), *again)
    found = await hall.open_at()
    assert [each.since for each in found] == [at(20)] * 6
    assert all(each.rings for each in found)


async def test_a_new_waiting_is_rung_for_from_its_own_beginning(hall: Hall) -> None:
    await hall.hear(booked(), waiting())
    await hall.after(200)
    before = len(await hall.messages())
    await hall.hear(when(admitted(), 210))
    await hall.after(300)
    await hall.hear(returned(300))
    await hall.after(300 + 29)
    [bell] = await hall.open_at()
    assert bell.climbed == {}
    await hall.after(300 + 180)
    assert len(await hall.messages()) == before + 2


async def test_what_was_not_sent_when_somebody_came_is_not_sent(hall: Hall) -> None:
    await hall.hear(booked(), waiting())
    await hall.after(200)
    await hall.hear(when(admitted(), 201))
    assert {each.state for each in await hall.messages()} == {"obsolete"}


async def test_another_unit_is_woken_too_by_the_time_that_somebody_has_waited(
    hall: Hall,
) -> None:
    await hall.hear(booked(), waiting())
    await hall.after(85)
    await hall.hear(booked(unit="u2", sequence=1))
    assert await hall.open_at() == []
    [bell] = await hall.open_at("u2")
    assert bell.climbed == {}
    await hall.after(91)
    [bell] = await hall.open_at("u2")
    assert bell.highest is Rung.COLLEAGUE


async def test_who_waits_before_the_booking_is_heard_rings_at_their_unit(
    hall: Hall,
) -> None:
    await hall.hear(waiting())
    await hall.after(40)
    [bell] = await hall.open_at()
    assert bell.highest is Rung.PUSH


async def test_a_bell_falls_silent_when_the_visit_is_long_over(hall: Hall) -> None:
    await hall.hear(booked(), waiting())
    await hall.after(2 * 3600)
    assert await hall.open_at() == []
    with pytest.raises(NoDoorbell):
        await hall.bells.acknowledge("a-1", PATIENT, ["u1"], "p1")


async def test_a_bell_is_forgotten_with_its_appointment(hall: Hall) -> None:
    await hall.hear(booked(), waiting())
    hall.house.watch.turn(timedelta(days=2))
    await hall.house.notifier.forget()
    async with hall.bells.database.reading() as tx:
        for table in ("door", "doorbell", "fact"):
            assert await tx.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608


# The doors


async def _acknowledge(
    house: House,
    server: TestServer,
    session: Any = STAFF,
    place: str = f"a-1/{PATIENT}",
) -> tuple[int, dict[str, Any]]:
    url = server.make_url(f"/notifier/api/doorbells/{place}/acknowledgement")
    headers = {**house.headers(session), "Origin": ORIGIN}
    async with ClientSession() as client, client.post(url, headers=headers) as answer:
        return answer.status, await answer.json()


async def _listed(house: House, server: TestServer, session: Any) -> dict[str, Any]:
    url = server.make_url("/notifier/api/doorbells")
    async with (
        ClientSession() as client,
        client.get(url, headers=house.headers(session)) as answer,
    ):
        told: dict[str, Any] = await answer.json()
        return told


async def test_who_has_seen_it_says_so_and_everybody_hears_who(hall: Hall) -> None:
    server = await hall.house.instance(doorbell_seconds=3600)
    await hall.hear(booked(), waiting())
    await hall.after(95)
    async with hall.house.listening(server, STAFF) as page:
        await page.snapshot()
        status, told = await _acknowledge(hall.house, server)
        assert status == ACKNOWLEDGED
        assert told["doorbell"] == {
            "appointment_id": "a-1",
            "person_id": str(PATIENT),
            "unit_id": "u1",
            "since": NINE.isoformat(),
            "rung": "colleague",
            "acknowledged": {
                "by": "p-1",
                "at": at(95).isoformat(),
                "how": "acknowledged",
            },
        }
        await hall.after(600)
        [notice] = await page.notices(1)
        assert (notice["topic"], notice["by"]) == ("doorbell.acknowledged", "p-1")
        await hall.hear(when(admitted(), 601))
        assert topics(await page.notices(1)) == ["patient.admitted"]


async def test_who_is_second_hears_who_was_first(hall: Hall) -> None:
    server = await hall.house.instance(doorbell_seconds=3600)
    second = STAFF.model_copy(update={"sub": "p-2"})
    await hall.hear(booked(), waiting())
    first = await _acknowledge(hall.house, server)
    hall.house.watch.turn(SECOND)
    assert await _acknowledge(hall.house, server, second) == first


async def test_of_many_at_once_one_is_first(hall: Hall) -> None:
    await hall.hear(booked(), waiting())
    seen = await asyncio.gather(
        *(hall.bells.acknowledge("a-1", PATIENT, ["u1"], f"p{n}") for n in range(8))
    )
    assert len({each.answered.by for each in seen if each.answered}) == 1
    async with hall.bells.database.reading() as tx:
        told = await tx.fetchval(
            "SELECT count(*) FROM notice WHERE topic = 'doorbell.acknowledged'"
        )
    assert told == 1


async def test_the_bell_of_another_unit_looks_as_if_there_were_none(
    hall: Hall,
) -> None:
    server = await hall.house.instance(doorbell_seconds=3600)
    await hall.hear(booked(), waiting())
    status, told = await _acknowledge(hall.house, server, OTHERS)
    assert (status, told["code"]) == (NOT_FOUND, "no_doorbell")
    for nobody in (f"a-1/{GUARDIAN}", f"a-2/{PATIENT}", "a-1/nobody"):
        assert await _acknowledge(hall.house, server, place=nobody) == (status, told)
    await hall.hear(left(10))
    assert await _acknowledge(hall.house, server) == (status, told)


async def test_staff_see_who_waits_at_their_units(hall: Hall) -> None:
    server = await hall.house.instance(doorbell_seconds=3600)
    await hall.hear(booked(), waiting(), when(waiting(person=GUARDIAN), 5))
    await hall.after(40)
    await hall.hear(messaged(41))
    told = await _listed(hall.house, server, STAFF)
    assert told["server_time"] == at(40).isoformat()
    patient, guardian = told["doorbells"]
    assert (patient["person_id"], guardian["person_id"]) == (
        str(PATIENT),
        str(GUARDIAN),
    )
    assert patient["acknowledged"] == {
        "by": "p1",
        "at": at(40).isoformat(),
        "how": "messaged",
    }
    assert (guardian["rung"], guardian["acknowledged"]) == ("push", None)
    assert (await _listed(hall.house, server, OTHERS))["doorbells"] == []


# What is counted


def _count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


async def test_the_time_to_notice_is_measured_once_a_waiting(hall: Hall) -> None:
    name = "notifier_time_to_notice_seconds"
    labels = {"how": "acknowledged", "rung": "colleague"}
    before = _count(f"{name}_sum", **labels), _count(f"{name}_count", **labels)
    admitted_before = _count(f"{name}_count", how="admitted", rung="colleague")
    await hall.hear(booked(), waiting())
    await hall.after(100)
    await hall.bells.acknowledge("a-1", PATIENT, ["u1"], "p1")
    await hall.hear(when(admitted(), 130), left(500))
    assert _count(f"{name}_sum", **labels) == before[0] + 100
    assert _count(f"{name}_count", **labels) == before[1] + 1
    after = _count(f"{name}_count", how="admitted", rung="colleague")
    assert after == admitted_before


async def test_the_time_to_notice_is_measured_also_when_waiting_is_heard_last(
    hall: Hall,
) -> None:
    name = "notifier_time_to_notice_seconds_sum"
    before = _count(name, how="admitted", rung="page")
    await hall.hear(booked(), when(admitted(), 7), waiting())
    assert _count(name, how="admitted", rung="page") == before + 7


async def test_a_bell_with_nobody_left_to_wake_is_counted(hall: Hall) -> None:
    climbed = _count("notifier_rungs_climbed_total", rung="duty")
    await hall.hear(booked(), waiting())
    await hall.after(200)
    assert _count("notifier_doorbells", state="ringing") == 1
    assert _count("notifier_doorbells", state="past") == 0
    assert _count("notifier_rungs_climbed_total", rung="duty") == climbed + 1
    await hall.after(261)
    assert _count("notifier_doorbells", state="past") == 1
    await hall.bells.acknowledge("a-1", PATIENT, ["u1"], "p1")
    await hall.after(262)
    assert _count("notifier_doorbells", state="ringing") == 0
    assert _count("notifier_doorbells", state="past") == 0


async def test_the_duty_contact_is_reached_by_the_service_itself(
    hall: Hall, tmp_path: Path
) -> None:
    """From the units file to the mailbox, by the tasks of one instance."""
    told = {"units": {"u1": {"duty": {"email": "duty@example.fi", "language": "en"}}}}
    units = tmp_path / "units.json"
    units.write_text(json.dumps(told), "utf-8")
    await hall.hear(booked(), waiting())
    hall.house.watch.shows = at(200)
    async with post_office() as post:
        server = await hall.house.instance(
            units_file=units,
            smtp_url=SecretStr(post.smtp_url),
            smtp_tls="never",
            doorbell_seconds=0.05,
        )
        async with asyncio.timeout(60):
            await post.mailbox.until(bool)
        [mail] = post.mailbox.mails
        assert mail.message["To"] == "duty@example.fi"
        assert "3 min" in mail.message.get_content()
        await server.close()
