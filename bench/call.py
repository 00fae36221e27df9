"""Whole visits through `make demo`: from the professional's click to the first picture.

Ours is everything between the two: the lobby's word, the stream, camera and microphone,
the socket to signalling, the negotiation and the decoder. The floor is a plain pair of
RTCPeerConnections in one page of the same browser: no server, no way, no other person.
"""

import asyncio
import itertools
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Browser, Page
from playwright.async_api import Error as PlaywrightError

from bench.around import Around
from bench.figures import Comparison, Figures
from chassis.clock import now
from dev import programs
from dev.booking import Booking, publish
from dev.persons import Person, person, professional
from dev.process import ROOT
from tests import servers
from tests.journeys.people import Patient, Staff

MEASURE = (Path(__file__).parent / "measure.js").read_text("utf-8")
LINK = re.compile(r"\S+/v/[A-Za-z0-9_-]{22}\S*")
CAMERA_RATE = 24  # pictures a second, as a camera gives
CROWD_RATE = 5  # where three or four browsers and all their coding share one machine
WITHIN = 60.0  # seconds until a visit is given up
SETTLED = 1.0  # seconds in which a second connection or offer would have come
BOTH = frozenset({"audio", "video"})
LACKS: Sequence[tuple[str, frozenset[str]]] = (
    ("everything", frozenset()),
    ("no camera", frozenset({"video"})),
    ("no microphone", frozenset({"audio"})),
    ("neither", BOTH),
)
PLAIN = """
async () => {
  const began = performance.now();
  const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  const [here, there] = [new RTCPeerConnection(), new RTCPeerConnection()];
  const pass = (from, to) => from.addEventListener('icecandidate',
    ({candidate}) => candidate && to.addIceCandidate(candidate));
  pass(here, there);
  pass(there, here);
  for (const each of [here, there])
    for (const track of stream.getTracks()) each.addTrack(track, stream);
  await here.setLocalDescription();
  await there.setRemoteDescription(here.localDescription);
  await there.setLocalDescription();
  await here.setRemoteDescription(there.localDescription);
  const sees = async (connection) => {
    for (;;) {
      for (const each of (await connection.getStats()).values())
        if (each.type === 'inbound-rtp' && each.framesDecoded > 0) return;
      await new Promise((resolve) => { setTimeout(resolve, 10); });
    }
  };
  await Promise.all([sees(here), sees(there)]);
  here.close();
  there.close();
  for (const track of stream.getTracks()) track.stop();
  return (performance.now() - began) / 1000;
}
"""


@dataclass(frozen=True)
class Demo:
    """The running demo and a browser."""

    addresses: Mapping[str, str]
    browser: Browser

    @property
    def url(self) -> str:
        return self.addresses["start"].rstrip("/")


@dataclass(frozen=True)
class Found:
    """One visit. `seconds` from the last admission to the last first sight."""

    seconds: float
    offers: int
    answers: int
    connections: int  # of the page that made most, for each other person


async def compare(_: Around, size: int, rounds: int) -> Comparison:
    async with _demo() as demo:
        await _visit(demo, 2)  # nobody's first day
        ours, floor = [], []
        for _round in range(rounds):
            ours.append(await _ours(demo, size))
            floor.append(await _floor(demo, size))
    return Comparison(
        name="call",
        what=f"{size} whole visits one after the other.",
        held="Two met by one offer, one answer and one connection.",
        ours=ours,
        floor=floor,
    )


async def _ours(demo: Demo, size: int) -> Figures:
    few = size // 15
    lost: list[Exception] = []

    async def visits_of(number: int, demo: Demo, *how: Any) -> Sequence[Found]:
        return [each for _ in range(number) if (each := await _tried(demo, lost, *how))]

    visits = await visits_of(size, demo, 2)
    figures = _spread([each.seconds for each in visits])
    pairs = itertools.product(LACKS, LACKS) if few else ()
    for (one, patients), (two, professionals) in pairs:
        if patients or professionals:
            lacking = await visits_of(few, demo, 2, patients, professionals)
            name = f"patient has {one}, professional {two}: worst, s"
            figures[name] = max(each.seconds for each in lacking)
            visits = [*visits, *lacking]
    if few:
        async with servers.browser(rate=CROWD_RATE) as browser:
            crowd = replace(demo, browser=browser)
            for people in (3, 4):
                many = await visits_of(few, crowd, people)
                figures[f"{people} people: last picture, worst, s"] = max(
                    each.seconds for each in many
                )
    figures["offers a visit of two, most"] = max(each.offers for each in visits)
    figures["answers a visit of two, most"] = max(each.answers for each in visits)
    figures["connections a page, most"] = max(each.connections for each in visits)
    figures["visits that came to no picture"] = len(lost)
    return figures


async def _tried(demo: Demo, lost: list[Exception], *how: Any) -> Found | None:
    """One visit. Of one that comes to no picture, what its pages show is printed."""
    try:
        return await _visit(demo, *how)
    except (PlaywrightError, TimeoutError, AssertionError) as error:
        lost.append(error)
        shown = [f"A visit came to no picture: {error}"]
        for context in demo.browser.contexts:
            for page in context.pages:
                shown += [f"--- {page.url}", await page.inner_text("body")]
            await context.close()
        sys.stderr.write("\n".join([*shown, ""]))
        return None


async def _floor(demo: Demo, size: int) -> Figures:
    page = await (await demo.browser.new_context()).new_page()
    await page.goto(f"{demo.url}/privacy")
    found = [await page.evaluate(PLAIN) for _ in range(size)]
    await page.context.close()
    return {
        **_spread(found),
        "offers a visit of two, most": 1,
        "answers a visit of two, most": 1,
        "connections a page, most": 1,
    }


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "first picture on both sides, p50, s": ordered[len(ordered) // 2],
        "first picture on both sides, p95, s": ordered[int(0.95 * (len(ordered) - 1))],
        "first picture on both sides, worst, s": ordered[-1],
    }


async def _visit(
    demo: Demo,
    people: int,
    patients_lack: frozenset[str] = frozenset(),
    professionals_lack: frozenset[str] = frozenset(),
) -> Found:
    booking, guests = _booking(people)
    said = booking.said(now())
    companions = [_companion(each) for each in guests[1:]]
    said = replace(said, data={**said.data, "companions": companions})
    await publish(demo.addresses["kafka"], [said])
    nurse = Staff(await _page(demo, professionals_lack), demo.url)
    await nurse.log_in("professional")
    async with asyncio.timeout(WITHIN * people):
        waiting = [await _waits(demo, guest, patients_lack) for guest in guests]
        for guest in guests:
            await _admit(nurse, booking, guest)
        pages = [nurse.page, *waiting]
        found = await _measured(pages, patients_lack, professionals_lack)
    for page in waiting:
        await page.context.close()
    await nurse.ends()
    await nurse.page.context.close()
    return found


def _booking(people: int) -> tuple[Booking, Sequence[Person]]:
    """An appointment of its own for each visit, at addresses of its own."""
    number = f"bench-{os.urandom(4).hex()}"
    keys = ("sv", "interpreter", "stranger")[: people - 1]
    guests = [replace(person(key, now().date()), key=f"{key}-{number}") for key in keys]
    begins = now() - timedelta(minutes=1)
    return Booking(number, guests[0], professional("professional"), begins), guests


def _companion(who: Person) -> dict[str, str]:
    return {
        "role": "interpreter" if who.key.startswith("interpreter") else "relative",
        "name": who.name,
        "email": who.email.get_secret_value(),
        "language": who.language,
    }


async def _page(demo: Demo, lacks: frozenset[str]) -> Page:
    context = await demo.browser.new_context(locale="sv-FI")
    told = json.dumps(sorted(lacks))
    await context.add_init_script(f"window.lacking = {told};\n{MEASURE}")
    return await context.new_page()


async def _waits(demo: Demo, guest: Person, lacks: frozenset[str]) -> Page:
    """Someone who has opened their link, identified and asked to come in."""
    patient = Patient(await _page(demo, lacks), demo.url)
    link = await _link(demo, guest)
    await patient.open(link)
    await patient.identify(guest.key.partition("-bench-")[0])
    await patient.sees("check")
    await patient.skip_checks()
    await patient.asks()
    return patient.page


async def _link(demo: Demo, guest: Person) -> str:
    address = guest.email.get_secret_value()
    mailbox = demo.addresses["mailbox"].rstrip("/")
    async with aiohttp.ClientSession() as client, asyncio.timeout(WITHIN):
        while True:
            listed = await _json(client, f"{mailbox}/api/v1/messages")
            for each in listed["messages"]:
                if address in [to["Address"] for to in each["To"]]:
                    url = f"{mailbox}/api/v1/message/{each['ID']}"
                    found = LINK.search((await _json(client, url))["Text"])
                    if found:
                        return found[0]
            await asyncio.sleep(0.05)


async def _json(client: aiohttp.ClientSession, url: str) -> Any:
    async with client.get(url) as answer:
        return await answer.json()


async def _admit(nurse: Staff, booking: Booking, guest: Person) -> None:
    await nurse.sees_waiting(booking.appointment_id)
    await nurse.chooses_waiting(guest.name)
    await nurse.does("admit")
    await nurse.does("confirm-admit")
    await nurse.sees("call")


ADMITTED = """
() => Math.max(...performance.getEntriesByType('resource')
  .filter((each) => each.name.includes('/people/') && each.name.endsWith('/admission'))
  .map((each) => performance.timeOrigin + each.startTime))
"""
CAME = """
([connections, kinds]) => {
  const open = window.measured.connections.slice(-connections);
  return open.length === connections
    && open.every((each) => ['connected', ...kinds].every((kind) => each[kind] !== null))
    && Math.max(...open.flatMap((each) => ['connected', ...kinds].map((kind) => each[kind])));
}
"""


async def _measured(
    pages: Sequence[Page],
    patients_lack: frozenset[str],
    professionals_lack: frozenset[str],
) -> Found:
    others = len(pages) - 1
    comes = [BOTH - patients_lack] + [BOTH - professionals_lack] * others
    came = [
        await page.wait_for_function(
            CAME, arg=[others, sorted(kinds)], timeout=WITHIN * 1000
        )
        for page, kinds in zip(pages, comes, strict=True)
    ]
    last = max([await each.json_value() for each in came])
    admitted = await pages[0].evaluate(ADMITTED)
    await asyncio.sleep(SETTLED)
    counted = [await page.evaluate("window.measured") for page in pages]
    return Found(
        seconds=(last - admitted) / 1000,
        offers=sum(each["offers"] for each in counted),
        answers=sum(each["answers"] for each in counted),
        connections=max(each["made"] for each in counted) - others + 1,
    )


@asynccontextmanager
async def _demo() -> AsyncIterator[Demo]:
    with tempfile.TemporaryDirectory(prefix="videomottagning-bench-") as folder:
        ports = {
            name: str(programs.free_port())
            for name in ("PORT", "MAIL_PORT", "IDP_PORT")
        }
        log = Path(folder) / "demo.log"
        program = programs.start(
            [sys.executable, "-m", "dev.demo"],
            log,
            environment={**ports, "PYTHONPATH": str(ROOT)},
        )
        try:
            await programs.until(lambda: _is_ready(log), program, 120)
            async with servers.browser(rate=CAMERA_RATE) as browser:
                yield Demo(_addresses(_read(log)), browser)
        finally:
            await program.end(signal.SIGINT)


async def _is_ready(log: Path) -> bool:
    return "\nmetrics: " in _read(log)


def _read(log: Path) -> str:
    return log.read_text(errors="replace") if log.exists() else ""


def _addresses(printed: str) -> Mapping[str, str]:
    _, _, told = printed.partition("ready\n")
    pairs = (line.partition(": ") for line in told.splitlines())
    return {name: address for name, _, address in pairs}
