"""Bookings at once on Kafka: how fast the patients have their e-mail, each exactly one.

Ours is the invitation service as one process. The floor is aiosmtplib alone, handing the
same bytes to the same mail server over as many connections: no Kafka, no database, no
letter to write, nothing remembered, and so nothing kept when it falls.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from secrets import token_hex, token_urlsafe

import psutil

from bench.around import Around
from bench.figures import Comparison, Figures
from chassis.clock import now
from chassis.producing import producing
from contract.booking import AppointmentBooked
from contract.envelope import Message, write
from dev import postgres as postgreses
from dev import programs
from dev.process import ROOT, Process, running

CONNECTIONS = 4
DOMAINS = 100  # so that nobody's pace is what is measured
WITHIN = 900
LOOK_EVERY = 0.05
QUIET = 2.0  # seconds in which a second e-mail to somebody would have come
UNIT = {
    "id": "u-1",
    "name": {"sv": "Testi-enhet", "fi": "Testi-yksikkö", "en": "Testi unit"},
}


async def compare(around: Around, size: int, rounds: int) -> Comparison:
    with tempfile.TemporaryDirectory(prefix="videomottagning-bench-") as folder:
        home = Path(folder)
        async with (
            postgreses.fresh_database(around.admin) as database,
            _sink(home) as port,
            running("invitation", _told(database, around, port)) as invitation,
        ):
            await _ours(around, invitation, home, min(size, 100))  # nobody's first day
            ours, floor = [], []
            for _ in range(rounds):
                ours.append(await _ours(around, invitation, home, size))
                floor.append(await _floor(port, home, size))
    return Comparison(
        name="mail",
        what=f"{size} bookings at once.",
        held="Every patient got exactly one e-mail.",
        ours=ours,
        floor=floor,
    )


async def _ours(around: Around, invitation: Process, home: Path, size: int) -> Figures:
    mark = token_hex(4)
    said = [_message(mark, number) for number in range(size)]
    process = psutil.Process(invitation.pid)
    before, began = process.cpu_times(), time.monotonic()
    await _publish(around.kafka, said)
    await _until(home, mark, size)
    after = process.cpu_times()
    await asyncio.sleep(QUIET)
    times = _exactly_one_each(home, mark, size)
    used = (after.user - before.user) + (after.system - before.system)
    return {
        "mails a second": size / (times[-1] - began),
        "processor ms a mail": 1000 * used / size,
        "first mail after, s": times[0] - began,
        "half of them after, s": times[size // 2] - began,
        "last mail after, s": times[-1] - began,
    }


async def _floor(port: int, home: Path, size: int) -> Figures:
    told = (str(port), str(home / "sample"), str(size), str(CONNECTIONS))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.floor", *told),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    found = json.loads(printed)
    return {
        "mails a second": size / found["seconds"],
        "processor ms a mail": 1000 * found["processor"] / size,
        "last mail after, s": found["seconds"],
    }


@asynccontextmanager
async def _sink(home: Path) -> AsyncIterator[int]:
    port = programs.free_port()
    (home / "taken").touch()
    program = programs.start(
        [sys.executable, "-m", "bench.sink", str(port), str(home)],
        home / "sink.log",
        environment={"PYTHONPATH": str(ROOT)},
    )
    try:
        await programs.until(lambda: programs.listens(port), program, 30)
        yield port
    finally:
        await program.end()


async def _publish(servers: str, said: Sequence[Message]) -> None:
    async with producing(servers, "booking-system") as producer:
        sent = [
            await producer.send(
                each.topic, each.value, key=each.key, headers=list(each.headers)
            )
            for each in said
        ]
        await asyncio.gather(*sent)


async def _until(home: Path, mark: str, size: int) -> None:
    async with asyncio.timeout(WITHIN):
        while len(set(_recipients(home, mark))) < size:  # noqa: ASYNC110 - see the sink
            await asyncio.sleep(LOOK_EVERY)


def _exactly_one_each(home: Path, mark: str, size: int) -> Sequence[float]:
    """When each came, in order."""
    counted = Counter(_recipients(home, mark))
    if set(counted.values()) != {1} or len(counted) != size:
        raise AssertionError(f"{size} patients got {counted.total()} e-mails.")
    return [float(line.split()[0]) for line in _lines(home) if mark in line]


def _recipients(home: Path, mark: str) -> Iterator[str]:
    return (line.split()[1] for line in _lines(home) if mark in line)


def _lines(home: Path) -> Sequence[str]:
    whole, _, _ = (home / "taken").read_text().rpartition("\n")
    return whole.splitlines()


def _message(mark: str, number: int) -> Message:
    starts_at = now() + timedelta(days=7)
    booked = AppointmentBooked.model_validate(
        {
            "appointment_id": f"bench-{mark}-{number}",
            "sequence": 0,
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(minutes=30),
            "unit": UNIT,
            "service": "general",
            "patient": {
                "name": "Testi",
                "email": f"{mark}-{number}@d{number % DOMAINS}.example",
                "language": ("sv", "fi", "en")[number % 3],
            },
            "professional": {"id": "p-1", "name": "Testi"},
            "source": "/booking-system",
        }
    )
    return write(booked.told_by("booking-system", now()))


def _told(
    database: postgreses.Database, around: Around, port: int
) -> Mapping[str, str]:
    return {
        "DATABASE_URL": database.services["invitation"],
        "KAFKA_SERVERS": around.kafka,
        "PUBLIC_URL": "https://visit.test",
        "SESSION_KEYS_URL": "http://127.0.0.1:1/",
        "LINK_SECRET": token_urlsafe(32),
        "SMTP_URL": f"smtp://127.0.0.1:{port}",
        "SMTP_TLS": "never",
        "SMTP_CONNECTIONS": str(CONNECTIONS),
        "MAIL_FROM": "Testi <t@visit.test>",
        "BOUNCE_ADDRESS": "bounces@visit.test",
    }
