"""An instance that is killed, or told to end, leaves nobody behind on the others."""

import signal
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.chaos.processes import ServiceProcess, running
from tests.chassis.kafka import until
from tests.keys import ORIGIN
from tests.signalling.pages import NOBODY, House, Visit
from tests.signalling.test_instances import apart, heard_until, hears, names, says

Process = ServiceProcess


@pytest_asyncio.fixture(loop_scope="session")
async def processes(
    house: House, database_url: str
) -> AsyncIterator[tuple[Process, Process]]:
    """Two processes of signalling, which find each other silent after seconds."""
    environment = {
        "DATABASE_URL": database_url,
        "KAFKA_SERVERS": NOBODY,
        "PUBLIC_URL": ORIGIN,
        "SESSION_KEYS_URL": f"{house.keys_url}/identity/jwks.json",
        "ADMISSION_KEYS_URL": f"{house.keys_url}/lobby/jwks.json",
        "INSTANCE_SECONDS": "3",
        "RESUME_SECONDS": "2",
        "DRAIN_SECONDS": "2",
    }
    one = ServiceProcess("signalling", environment)
    other = ServiceProcess("signalling", environment)
    async with running([one, other]):
        yield one, other
        await house.hang_up()


async def test_who_was_on_a_killed_instance_is_lost_and_expires(
    house: House, visit: Visit, processes: tuple[Process, Process]
) -> None:
    one, other = processes
    _, professional = await apart(visit, house.at(one.url), house.at(other.url))
    await one.kill()
    gone = await professional.until("gone")
    assert (gone["member"], gone["reason"]) == (visit.patient, "lost")
    gone = await professional.until("gone")
    assert (gone["member"], gone["reason"]) == (visit.patient, "expired")

    await one.start()
    reloaded = await house.at(one.url).professional(visit)
    assert names(await reloaded.hello()) == {visit.professional}


async def test_who_comes_back_from_a_killed_instance_is_never_gone(
    house: House, visit: Visit, processes: tuple[Process, Process]
) -> None:
    one, other = processes
    patient, professional = await apart(visit, house.at(one.url), house.at(other.url))
    await one.kill()
    again = await house.at(other.url).patient(visit)
    welcome = await again.hello(resume=patient.resume_of())
    assert names(welcome) == {visit.patient, visit.professional}
    heard = await heard_until(professional, "joined")
    assert [each["type"] for each in heard] == ["joined"]

    await one.start()
    moved = await house.at(one.url).professional(visit)
    assert names(await moved.hello()) == {visit.patient, visit.professional}
    assert (await again.until("joined"))["member"]["member"] == visit.professional
    await says(moved, visit.patient, "from the one that returned")
    await hears(again, visit.professional, "from the one that returned")
    await says(again, visit.professional, "and to it")
    await hears(moved, visit.patient, "and to it")


async def test_an_instance_that_ends_says_at_once_whom_it_lets_go(
    house: House, visit: Visit, processes: tuple[Process, Process]
) -> None:
    one, other = processes
    patient, professional = await apart(visit, house.at(one.url), house.at(other.url))
    assert one.process
    one.process.send_signal(signal.SIGTERM)
    assert await patient.refusal() == ("restarting", "resume", 1012)
    again = await house.at(other.url).patient(visit)
    await again.hello(resume=patient.resume_of())
    heard = await heard_until(professional, "joined")
    assert [each["type"] for each in heard] in (["joined"], ["gone", "joined"])
    assert await one.process.wait() == 0
    await professional.say(type="ice")
    assert [each["type"] for each in await heard_until(professional, "ice")] == ["ice"]


async def test_an_instance_that_stood_still_takes_its_members_back(
    house: House, visit: Visit, processes: tuple[Process, Process]
) -> None:
    one, other = processes
    patient, professional = await apart(visit, house.at(one.url), house.at(other.url))
    assert one.process
    one.process.send_signal(signal.SIGSTOP)
    assert (await professional.until("gone"))["reason"] == "lost"
    await says(professional, visit.patient, "while it stood still")
    one.process.send_signal(signal.SIGCONT)
    assert (await professional.until("joined"))["member"]["member"] == visit.patient
    await hears(patient, visit.professional, "while it stood still")
    await says(patient, visit.professional, "back")
    await hears(professional, visit.patient, "back")


async def test_nothing_of_an_instance_that_is_no_more_is_kept(
    house: House, visit: Visit, processes: tuple[Process, Process]
) -> None:
    one, other = processes
    _, professional = await apart(visit, house.at(one.url), house.at(other.url))
    await one.kill()
    await says(professional, visit.patient, "to nobody")
    assert (await professional.until("gone"))["reason"] == "lost"

    async def is_forgotten() -> bool:
        async with house.database.reading() as tx:
            rows: int = await tx.fetchval(
                """
                SELECT (SELECT count(*) FROM passed_signal)
                     + (SELECT count(*) FROM presence WHERE member = $1)
                     + (SELECT count(*) FROM instance) - 1
                """,
                visit.patient,
            )
        return rows == 0

    await until(is_forgotten)
