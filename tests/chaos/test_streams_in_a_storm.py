"""Services fall while much is said: in the end each page has been told all, once."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from uuid import UUID

import aiohttp
import asyncpg
from pydantic import SecretStr

from chassis.clock import now
from chassis.sessions import SigningKey, StaffSession, Token, VisitSession
from contract.catalogue import SERVICES, topics
from dev import booking as bookings
from dev import kafka as kafkas
from dev import postgres as postgreses
from dev.booking import Booking, Said, publish
from dev.mailbox import post_office
from dev.persons import person, professional
from dev.suite import Secrets, Surroundings, told
from tests.chaos.followers import Follower, following
from tests.chaos.processes import ServiceProcess, running
from tests.journeys.suite import until

ORIGIN = "https://visit.test"
APPOINTMENTS = 240
PAGES = 20
WATCHED = (0, 2, 3, 10)  # appointments that a patient's page follows
PATIENCE = 150.0  # on a machine that does much else
SOON = aiohttp.ClientTimeout(total=10)
FALLS = (signal.SIGTERM, signal.SIGKILL)
NURSE = professional("professional")
UNIT = NURSE.units[0].id
OK = 200
Notices = dict[int, tuple[str, str]]  # by number: the appointment and the topic


@dataclass(frozen=True)
class House:
    """The five services and the notifier twice, on one Kafka; no proxy before them."""

    kafka: str
    services: Mapping[str, ServiceProcess]
    notifiers: Sequence[ServiceProcess]
    key: SigningKey  # identity's, so that we can sign as it does
    database: str  # the notifier's

    def follower(self, session: Token, turn: int) -> Follower:
        return Follower(self.notifiers, session, self.cookie(session), turn)

    def cookie(self, session: Token) -> str:
        return f"__Host-{session.kind}={self.key.sign(session)}"

    async def notices(self, audience: str, addressee: str) -> Notices:
        connection = await asyncpg.connect(self.database)
        try:
            rows = await connection.fetch(
                """
                SELECT id, appointment_id, topic FROM notifier.notice
                 WHERE audience = $1 AND addressee = $2 ORDER BY id
                """,
                audience,
                addressee,
            )
        finally:
            await connection.close()
        return {row["id"]: (row["appointment_id"], row["topic"]) for row in rows}

    async def do(self, what: str, session: VisitSession) -> None:
        """On the visit page, again and again until the lobby has done it."""
        async with asyncio.timeout(PATIENCE):
            while not await self._done(what, session):  # noqa: ASYNC110 - nobody says when
                await asyncio.sleep(1)

    async def _done(self, what: str, session: VisitSession) -> bool:
        url = f"{self.services['lobby'].url}/lobby/api/visit/{what}"
        headers = {"Cookie": self.cookie(session), "Origin": ORIGIN}
        try:
            async with (
                aiohttp.ClientSession(timeout=SOON) as client,
                client.post(url, headers=headers) as answer,
            ):
                return answer.status == OK
        except (aiohttp.ClientError, TimeoutError):
            return False


@asynccontextmanager
async def open_house(
    postgres: postgreses.Server, kafka: str, names: Sequence[str] = SERVICES
) -> AsyncIterator[House]:
    """These services run, and nobody called unknown has a mailbox."""
    secrets = Secrets()
    await kafkas.create_topics(kafka, topics())
    async with (
        postgreses.fresh_database(postgres.admin) as database,
        post_office(refuse=_nobody_called_unknown) as post,
    ):
        around = Surroundings(
            ORIGIN, ORIGIN, kafka, post.smtp_url, database.services, secrets=secrets
        )
        services = {
            name: ServiceProcess(name, environment)
            for name, environment in told(around).items()
        }
        keys = {
            "SESSION_KEYS_URL": f"{services['identity'].url}/identity/jwks.json",
            "ADMISSION_KEYS_URL": f"{services['lobby'].url}/lobby/jwks.json",
        }
        for each in services.values():
            each.environment = {**each.environment, **keys}
        second = ServiceProcess("notifier", services["notifier"].environment)
        key = SigningKey(SecretStr(secrets.session_key), ORIGIN, now)
        async with running([*(services[name] for name in names), second]):
            yield House(
                kafka,
                services,
                [services["notifier"], second],
                key,
                database.services["notifier"],
            )


def _nobody_called_unknown(address: str) -> str | None:
    return "550 5.1.1 nobody here" if address.startswith("unknown") else None


def of_staff(number: int) -> StaffSession:
    return StaffSession(
        sid="s-1",
        sub=f"nurse-{number}",
        exp=now() + timedelta(hours=1),
        name=NURSE.name,
        units=(UNIT,),
    )


def of_visit(number: int) -> VisitSession:
    return VisitSession(
        sid="s-1",
        sub=str(UUID(int=number + 1)),
        exp=now() + timedelta(hours=1),
        appointment=name_of(number),
        role="patient",
        name=SecretStr("Testi-Maja Testström"),
        birth_year=1961,
        method="suomifi",
    )


def name_of(number: int) -> str:
    return f"storm-{number}"


class Turn(IntEnum):
    """What one in eight appointments is like, by its number."""

    MOVES = 0
    IS_CANCELLED = 1
    COMES = 2
    HAS_A_WRONG_ADDRESS = 3


def said_of(number: int, at: datetime) -> list[Said]:
    name, started = name_of(number), at - timedelta(minutes=1)
    patient = person("sv", at.date())
    if number % 8 == Turn.HAS_A_WRONG_ADDRESS:
        patient = replace(patient, key=f"unknown-{number}")
    booked = Booking(name, patient, NURSE, started).said(at)
    match number % 8:
        case Turn.MOVES:
            return [booked, bookings.rescheduled(name, started, at)]
        case Turn.IS_CANCELLED:
            return [booked, bookings.cancelled(name, at)]
    return [booked]


def wanted_of(number: int) -> set[str]:
    """What must be told of it, however the topics overtake each other."""
    match number % 8:
        case Turn.MOVES:
            return {"appointment.booked", "appointment.rescheduled"}
        case Turn.IS_CANCELLED:  # a booking that is heard after it is no news
            return {"appointment.cancelled"}
        case Turn.COMES:
            return {"appointment.booked", "patient.waiting", "patient.left"}
        case Turn.HAS_A_WRONG_ADDRESS:
            return {"appointment.booked", "invitation.failed"}
    return {"appointment.booked"}


def in_portions(events: Sequence[Said], count: int) -> Iterator[Sequence[Said]]:
    size = -(-len(events) // count)
    for start in range(0, len(events), size):
        yield events[start : start + size]


async def fall(
    house: House, lane: Sequence[ServiceProcess], portions: Iterator[Sequence[Said]]
) -> None:
    """One after the other, asked to and then killed; others speak on meanwhile."""
    for sign in FALLS:
        for each in lane:
            await each.end(sign)
            await publish(house.kafka, next(portions, ()))
            await each.start()
            await publish(house.kafka, next(portions, ()))


async def come_and_go(house: House, number: int) -> None:
    session = of_visit(number)
    await house.do("ask", session)
    await house.do("leave", session)


async def everyone_has_begun(followers: Sequence[Follower]) -> None:
    async def begun() -> bool | None:
        return all(each.last is not None for each in followers) or None

    await until(begun, "every page has had its snapshot", PATIENCE)


async def all_is_noted(house: House, wanted: set[tuple[str, str]]) -> Notices:
    async def noted() -> Notices | None:
        notices = await house.notices("unit", UNIT)
        return notices if wanted <= set(notices.values()) else None

    found: Notices = await until(noted, "all that was said is noted", PATIENCE)
    return found


async def all_is_told(
    house: House, followers: Sequence[Follower], audience: str, addressee: str
) -> None:
    """Each page has counted the very notices that there are, each once and in order."""

    async def told_all() -> bool | None:
        numbers = list(await house.notices(audience, addressee))
        return all(each.heard == numbers for each in followers) or None

    try:
        await until(told_all, "each page has been told all", PATIENCE)
    except TimeoutError:
        numbers = list(await house.notices(audience, addressee))
        for each in followers:
            assert each.heard == numbers
        raise


async def test_in_a_storm_in_which_every_service_falls_no_page_misses_a_notice(
    postgres: postgreses.Server, breakable_kafka: kafkas.ApacheKafka
) -> None:
    everybody = range(APPOINTMENTS)
    at = now()
    events = [said for number in everybody for said in said_of(number, at)]
    wanted = {
        (name_of(number), topic) for number in everybody for topic in wanted_of(number)
    }
    async with open_house(postgres, breakable_kafka.servers) as house:
        others = [house.services[name] for name in SERVICES if name != "notifier"]
        lanes = [house.notifiers, others[:2], others[2:]]
        portions = in_portions(events, count=2 * len(FALLS) * sum(map(len, lanes)))
        staff = [house.follower(of_staff(number), number) for number in range(PAGES)]
        patients = {
            number: house.follower(of_visit(number), number) for number in WATCHED
        }
        pages = [*staff, *patients.values()]
        async with following(pages):
            await everyone_has_begun(pages)
            async with asyncio.TaskGroup() as storm:
                for lane in lanes:
                    storm.create_task(fall(house, lane, portions))
                for number in everybody:
                    if number % 8 == Turn.COMES:
                        storm.create_task(come_and_go(house, number))
            await all_is_noted(house, wanted)
            await all_is_told(house, staff, "unit", UNIT)
            for number, page in patients.items():
                await all_is_told(house, [page], "visit", name_of(number))
        counted = Counter((await house.notices("unit", UNIT)).values())
    assert {each: counted[each] for each in wanted} == dict.fromkeys(wanted, 1)
    assert {each.snapshots for each in pages} == {1}
    assert min(each.returned for each in pages) > 0


async def test_pages_of_an_instance_that_is_killed_miss_nothing_at_the_other(
    postgres: postgreses.Server, breakable_kafka: kafkas.ApacheKafka
) -> None:
    at, some = now(), range(60)
    only = ("identity", "notifier")
    async with open_house(postgres, breakable_kafka.servers, only) as house:
        pages = [house.follower(of_staff(number), number) for number in range(PAGES)]
        async with following(pages):
            await everyone_has_begun(pages)
            first, rest = in_portions(
                [said for n in some for said in said_of(n, at)], 2
            )
            await publish(house.kafka, first)
            await house.notifiers[0].kill()
            await publish(house.kafka, rest)
            wanted = {(name_of(n), topic) for n in some for topic in of_booking(n)}
            await all_is_noted(house, wanted)
            await all_is_told(house, pages, "unit", UNIT)
    assert {each.snapshots for each in pages} == {1}


def of_booking(number: int) -> set[str]:
    """What must be told of it when nobody but the booking system speaks."""
    return {topic for topic in wanted_of(number) if topic.startswith("appointment.")}
