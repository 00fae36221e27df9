"""Streams over HTTP and PostgreSQL, from instances that really run."""

import asyncio
import json
import socket
from datetime import timedelta

import pytest
from aiohttp import ClientSession
from prometheus_client import REGISTRY

from contract.booking import Change
from contract.envelope import Event
from services.notifier.web import _retry
from tests.chassis.conftest import NINE
from tests.keys import a_professional, a_visit
from tests.notifier.conftest import House
from tests.notifier.events import (
    EMAIL,
    GUARDIAN,
    HOUR,
    NAME,
    PATIENT,
    admitted,
    booked,
    cancelled,
    delayed,
    identified,
    moved,
    refused,
    topics,
    waiting,
)

VISIT = a_visit(NINE + HOUR)
NEIGHBOUR = a_visit(NINE + HOUR, "a-2")
STAFF = a_professional(NINE + HOUR, "u1")
OTHERS = a_professional(NINE + HOUR, "u2")


async def _hear(house: House, *events: Event) -> None:
    """As when Kafka brings them, to any instance."""
    for event in events:
        if isinstance(event, Change):
            await house.notifier.change(event)
        else:
            await house.notifier.tell(event)


async def test_a_stream_begins_with_a_snapshot(house: House) -> None:
    for event in (booked(), identified(), waiting(), delayed(5), delayed(10)):
        await _hear(house, event)
    server = await house.instance()
    for session in (VISIT, STAFF):
        async with house.listening(server, session) as page:
            latest = await page.snapshot()
            assert topics(latest) == ["patient.waiting", "appointment.delayed"]
            assert latest[0]["person_id"] == str(PATIENT)
            assert latest[1]["person_id"] is None
            assert latest[1]["minutes"] == 10
            assert latest[1]["appointment_id"] == "a-1"


async def test_a_change_arrives(house: House) -> None:
    await _hear(house, booked())
    server = await house.instance()
    async with (
        house.listening(server, VISIT) as patient,
        house.listening(server, STAFF) as professional,
    ):
        await patient.snapshot()
        await professional.snapshot()
        await _hear(house, waiting(), refused("not_ready"))
        for page in (patient, professional):
            first, second = await page.notices(2)
            assert first["topic"] == "patient.waiting"
            assert first["at"] == "2026-11-23T09:00:00+00:00"
            assert (second["topic"], second["reason"]) == (
                "patient.refused",
                "not_ready",
            )
            assert first["id"] < second["id"]
            assert page.last == second["id"]
            assert page.retry == 2000


async def test_a_patient_hears_only_of_the_own_appointment(house: House) -> None:
    await _hear(house, booked(), booked("a-2"), waiting("a-1"))
    server = await house.instance()
    async with house.listening(server, NEIGHBOUR) as page:
        assert topics(await page.snapshot()) == ["appointment.booked"]
        await _hear(house, admitted("a-1"), delayed(5, "a-1"), admitted("a-2"))
        [notice] = await page.notices(1)
        assert (notice["appointment_id"], notice["topic"]) == (
            "a-2",
            "patient.admitted",
        )


async def test_another_units_staff_hear_nothing(house: House) -> None:
    await _hear(house, booked("a-1", "u1"), booked("a-2", "u2"), waiting("a-1"))
    server = await house.instance()
    async with house.listening(server, OTHERS) as page:
        assert {each["appointment_id"] for each in await page.snapshot()} == {"a-2"}
        await _hear(house, admitted("a-1"), cancelled("a-1"), waiting("a-2"))
        [notice] = await page.notices(1)
        assert notice["appointment_id"] == "a-2"


async def test_staff_of_two_units_hear_of_both(house: House) -> None:
    await _hear(house, booked("a-1", "u1"), booked("a-2", "u2"))
    server = await house.instance()
    both = a_professional(NINE + HOUR, "u1", "u2", "u3")
    async with house.listening(server, both) as page:
        assert len(await page.snapshot()) == 2
        await _hear(house, waiting("a-1"), waiting("a-2"))
        assert [each["appointment_id"] for each in await page.notices(2)] == [
            "a-1",
            "a-2",
        ]


async def test_who_comes_back_hears_exactly_what_was_missed(house: House) -> None:
    await _hear(house, booked())
    server = await house.instance()
    async with house.listening(server, VISIT) as page:
        await page.snapshot()
        await _hear(house, delayed(1))
        await page.notices(1)
        last = page.last
    await _hear(house, delayed(2), waiting("a-2"), delayed(3), delayed(4))
    async with house.listening(server, VISIT, last) as page:
        assert [each["minutes"] for each in await page.notices(3)] == [2, 3, 4]
        await _hear(house, delayed(5))
        assert [each["minutes"] for each in await page.notices(1)] == [5]


async def test_who_missed_nothing_hears_nothing_twice(house: House) -> None:
    await _hear(house, booked(), delayed(1))
    server = await house.instance()
    async with house.listening(server, VISIT) as page:
        await page.snapshot()
        last = page.last
    async with house.listening(server, VISIT, last) as page:
        await _hear(house, delayed(2))
        assert [each["minutes"] for each in await page.notices(1)] == [2]


@pytest.mark.parametrize("last", ["", "x", "-1", "9" * 30, "99999", "1.5", "\u0661"])
async def test_a_number_that_is_none_of_ours_brings_a_snapshot(
    house: House, last: str
) -> None:
    await _hear(house, booked(), delayed(1))
    server = await house.instance()
    async with house.listening(server, VISIT, last) as page:
        assert len(await page.snapshot()) == 1


async def test_ten_minutes_are_kept_and_then_a_snapshot_is_told(house: House) -> None:
    await _hear(house, booked(), delayed(1))
    server = await house.instance()
    async with house.listening(server, VISIT) as page:
        await page.snapshot()
        last = page.last
    await _hear(house, delayed(2))
    house.watch.turn(timedelta(minutes=9, seconds=59))
    await _hear(house, delayed(3))
    await house.notifier.forget()
    async with house.listening(server, VISIT, last) as page:
        assert [each["minutes"] for each in await page.notices(2)] == [2, 3]
    house.watch.turn(timedelta(seconds=2))
    await house.notifier.forget()
    async with house.listening(server, VISIT, last) as page:
        assert [each["minutes"] for each in await page.snapshot()] == [3]


async def test_the_latest_is_kept_until_a_day_after_the_end(house: House) -> None:
    await _hear(house, booked(), waiting(), waiting(person=GUARDIAN))
    house.watch.turn(timedelta(hours=1 + 24))  # it ends an hour after NINE
    await house.notifier.forget()
    server = await house.instance()
    later = a_visit(NINE + timedelta(days=9))
    async with house.listening(server, later) as page:
        assert topics(await page.snapshot()) == [
            "appointment.booked",
            "patient.waiting",
            "patient.waiting",
        ]
    house.watch.turn(timedelta(seconds=1))
    await house.notifier.forget()
    async with house.listening(server, later) as page:
        assert await page.snapshot() == []
    async with house.notifier.database.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM appointment") == 0


async def test_a_moved_appointment_is_kept_until_a_day_after_its_new_end(
    house: House,
) -> None:
    await _hear(house, booked(), moved())
    house.watch.turn(timedelta(hours=2 + 24))
    await house.notifier.forget()
    async with house.notifier.database.reading() as tx:
        assert await tx.fetchval("SELECT count(*) FROM appointment") == 1


async def test_every_instance_pushes_whoever_heard(house: House) -> None:
    await _hear(house, booked())
    first, second = await house.instance(), await house.instance()
    async with (
        house.listening(first, VISIT) as one,
        house.listening(second, VISIT) as other,
        house.listening(second, STAFF) as professional,
    ):
        for page in (one, other, professional):
            await page.snapshot()
        await _hear(house, admitted())
        for page in (one, other, professional):
            assert topics(await page.notices(1)) == ["patient.admitted"]


async def test_another_instance_goes_on_where_this_one_stopped(house: House) -> None:
    await _hear(house, booked())
    first = await house.instance()
    async with house.listening(first, VISIT) as page:
        await page.snapshot()
        await _hear(house, delayed(1))
        await page.notices(1)
        last = page.last
        await first.close()
        await page.end()
    await _hear(house, delayed(2))
    second = await house.instance()
    async with house.listening(second, VISIT, last) as page:
        await _hear(house, delayed(3))
        assert [each["minutes"] for each in await page.notices(2)] == [2, 3]


async def test_nothing_is_lost_nor_told_twice_while_pages_come_and_go(
    house: House,
) -> None:
    """Eight speak at once; a page that keeps coming back hears each number once."""
    await _hear(house, booked())
    servers = [await house.instance(), await house.instance()]

    async def speak(number: int) -> None:
        for each in range(15):
            await _hear(house, delayed(number * 15 + each))

    async def listen(turn: int) -> list[int]:
        heard: list[int] = []
        last: int | None = 0
        while len(heard) < 121:
            server = servers[(turn + len(heard)) % 2]
            async with house.listening(server, VISIT, last) as page:
                notices = await page.notices(min(17, 121 - len(heard)))
                heard += [notice.get("minutes", -1) for notice in notices]
                last = page.last
        return heard

    async with asyncio.TaskGroup() as all_at_once:
        pages = [all_at_once.create_task(listen(turn)) for turn in range(3)]
        for number in range(8):
            all_at_once.create_task(speak(number))
    for page in pages:
        assert sorted(page.result()) == list(range(-1, 120))
        assert page.result() == pages[0].result()


async def test_what_is_said_twice_is_told_once(house: House) -> None:
    await _hear(house, booked())
    server = await house.instance()
    async with house.listening(server, VISIT) as page:
        await page.snapshot()
        event = delayed(1)
        await _hear(house, event, event, booked(sequence=0), event, delayed(2))
        assert [each["minutes"] for each in await page.notices(2)] == [1, 2]


async def test_old_words_of_the_booking_system_are_no_news(house: House) -> None:
    await _hear(house, booked(), cancelled(sequence=5))
    server = await house.instance()
    async with house.listening(server, STAFF) as page:
        assert topics(await page.snapshot()) == ["appointment.cancelled"]
        await _hear(house, booked(sequence=3), cancelled(sequence=4), delayed(1))
        assert topics(await page.notices(1)) == ["appointment.delayed"]


async def test_what_came_before_the_booking_reaches_the_unit_with_it(
    house: House,
) -> None:
    await _hear(house, identified(), waiting())
    server = await house.instance()
    async with (
        house.listening(server, STAFF) as staff,
        house.listening(server, VISIT) as patient,
    ):
        assert await staff.snapshot() == []
        assert topics(await patient.snapshot()) == ["patient.waiting"]
        await _hear(house, booked())
        assert topics(await staff.notices(3)) == [
            "patient.identified",
            "patient.waiting",
            "appointment.booked",
        ]
        assert topics(await patient.notices(1)) == ["appointment.booked"]


async def test_a_cancellation_that_came_first_stays_the_latest(house: House) -> None:
    await _hear(house, cancelled(sequence=2), booked(sequence=1))
    server = await house.instance()
    async with house.listening(server, STAFF) as page:
        assert topics(await page.snapshot()) == ["appointment.cancelled"]


async def test_an_appointment_that_changes_hands_is_told_to_its_new_unit(
    house: House,
) -> None:
    await _hear(house, booked(), waiting())
    server = await house.instance()
    async with (
        house.listening(server, OTHERS) as new,
        house.listening(server, STAFF) as old,
    ):
        assert await new.snapshot() == []
        await old.snapshot()
        await _hear(house, booked(unit="u2", sequence=1), admitted(), booked("a-3"))
        assert topics(await new.notices(4)) == [
            "appointment.booked",
            "patient.waiting",
            "appointment.booked",
            "patient.admitted",
        ]
        [notice] = await old.notices(1)
        assert notice["appointment_id"] == "a-3"


async def test_notices_hold_no_name_no_address_and_no_sentence(house: House) -> None:
    events = (booked(), identified(), cancelled(), refused(f"{NAME} 010190-123A"))
    await _hear(house, *events)
    async with house.notifier.database.reading() as tx:
        rows = [
            *await tx.fetch("SELECT * FROM notice"),
            *await tx.fetch("SELECT * FROM appointment"),
        ]
    stored = str([dict(row) for row in rows])
    server = await house.instance()
    async with house.listening(server, STAFF, 0) as page:
        told = json.dumps(await page.notices(4))
    for text in (stored, told):
        for personal in (NAME, "Testi", EMAIL, "1980", "mobile", "ill", "010190"):
            assert personal not in text


async def test_a_stream_needs_its_session(house: House) -> None:
    server = await house.instance()
    wrong = house.headers(STAFF)["Cookie"].replace("__Host-staff", "__Host-visit")
    async with ClientSession() as client:
        for headers in ({}, {"Cookie": wrong}):
            url = server.make_url("/notifier/stream/visit")
            async with client.get(url, headers=headers) as answer:
                assert answer.status == 401
                assert (await answer.json())["code"] == "no_session"


async def test_a_stream_is_kept_by_nobody(house: House) -> None:
    server = await house.instance()
    async with house.listening(server, VISIT) as page:
        assert page.answer.headers["Cache-Control"] == "no-store"
        assert page.answer.headers["X-Accel-Buffering"] == "no"
        assert page.answer.content_type == "text/event-stream"
        assert "Content-Security-Policy" in page.answer.headers


async def test_a_stream_ends_with_its_session(house: House) -> None:
    await _hear(house, booked())
    server = await house.instance()
    async with house.listening(server, a_visit(NINE + timedelta(seconds=1))) as page:
        await page.snapshot()
        await page.end()


async def test_stopping_ends_the_streams_at_once(house: House) -> None:
    await _hear(house, booked())
    server = await house.instance()
    async with (
        house.listening(server, VISIT) as patient,
        house.listening(server, STAFF) as professional,
    ):
        for page in (patient, professional):
            await page.snapshot()
        await asyncio.wait_for(server.close(), 5)  # and not the 60 s of a drain
        await patient.end()
        await professional.end()


async def test_who_does_not_read_is_dropped_and_others_hear_on(house: House) -> None:
    await _hear(house, booked())
    server = await house.instance(stream_queue=2)
    before = _ended("slow")
    with socket.socket() as small:
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.connect((server.host, server.port))
        _, writer = await asyncio.open_connection(sock=small.dup(), limit=64)
    cookie = house.headers(VISIT)["Cookie"]
    writer.write(
        b"GET /notifier/stream/visit HTTP/1.1\r\nHost: x\r\n"
        b"Cookie: " + cookie.encode() + b"\r\n\r\n"
    )
    try:
        async with house.listening(server, STAFF) as reader:
            await reader.snapshot()
            while _ended("slow") == before:
                await _flood(house, 100)
                assert len(await reader.notices(100)) == 100
    finally:
        writer.transport.abort()


def _ended(why: str) -> float:
    labels = {"why": why}
    return REGISTRY.get_sample_value("notifier_streams_ended_total", labels) or 0


async def _flood(house: House, count: int) -> None:
    """As many notices as fill what the kernel keeps for a slow reader."""
    async with house.notifier.database.writing() as tx:
        await tx.execute(
            """
            WITH more AS (
                INSERT INTO notice (audience, addressee, appointment_id, topic,
                                    person_id, codes, at, noted_at)
                SELECT audience, CASE audience WHEN 'visit' THEN 'a-1' ELSE 'u1' END,
                       'a-1', 'appointment.delayed', NULL,
                       jsonb_build_object('reason', repeat('x', 20000)), now(), now()
                  FROM generate_series(1, $1), unnest(ARRAY['visit', 'unit']) AS audience
            )
            SELECT pg_notify('notifier_notice', '')
            """,
            count,
        )


async def test_one_person_cannot_fill_the_house_with_streams(house: House) -> None:
    server = await house.instance(streams_per_person=2)
    async with house.listening(server, VISIT), house.listening(server, VISIT):
        url = server.make_url("/notifier/stream/visit")
        async with (
            ClientSession() as client,
            client.get(url, headers=house.headers(VISIT)) as answer,
        ):
            assert answer.status == 429
            assert (await answer.json())["code"] == "too_many"
        async with house.listening(server, STAFF):
            pass


async def test_open_streams_are_counted(house: House) -> None:
    labels = {"audience": "visit"}
    server = await house.instance()
    before = REGISTRY.get_sample_value("notifier_streams", labels) or 0
    async with house.listening(server, VISIT):
        assert REGISTRY.get_sample_value("notifier_streams", labels) == before + 1
        await server.close()
    assert REGISTRY.get_sample_value("notifier_streams", labels) == before


async def test_a_silent_stream_beats(house: House) -> None:
    await _hear(house, booked())
    server = await house.instance(heartbeat_seconds=0.02)
    async with house.listening(server, VISIT) as page:
        await page.snapshot()
        while (line := await page.answer.content.readline()) != b": ping\r\n":
            assert line == b"\r\n"


async def test_a_lost_connection_to_the_database_loses_no_notice(house: House) -> None:
    await _hear(house, booked())
    server = await house.instance()
    async with house.listening(server, VISIT) as page:
        await page.snapshot()
        async with house.notifier.database.reading() as tx:
            await tx.fetch(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE usename = current_user AND pid <> pg_backend_pid()
                """
            )
        await _hear(house, delayed(1), delayed(2))
        assert [each["minutes"] for each in await page.notices(2)] == [1, 2]


async def test_pages_come_back_spread_out() -> None:
    assert [_retry(chance) for chance in (0.0, 0.5, 1.0)] == [1000, 2000, 3000]
