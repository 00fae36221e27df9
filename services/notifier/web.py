"""The notifier's doors: one stream for a visit, one for staff, and the doorbells.

event: snapshot  the latest notice of each appointment and person
event: notice    one more; its `id` is what Last-Event-ID brings back
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from chassis.clock import Clock
from chassis.limits import Limit
from chassis.refusal import Refusal
from chassis.web import Access, Doors, staff, visit
from services.notifier.bells import Bells
from services.notifier.channel_doors import EndpointRefused
from services.notifier.channels import NotYourTelephone
from services.notifier.domain import Audience, Ears, Missed, Notice, Snapshot
from services.notifier.doorbell import NoDoorbell
from services.notifier.doorbell_doors import doorbell_doors
from services.notifier.flows import Notifier
from services.notifier.stream import Ending, Hub, Stream

STATUSES: Mapping[type[Refusal], int] = {
    NotYourTelephone: 403,
    NoDoorbell: 404,
    EndpointRefused: 422,
}

SEND_SECONDS = 30.0
RETRY_MS = 2000
RETRY_SPREAD_MS = 1000  # to either side, so that a restart is no stampede
LONGEST_ID = 18  # digits that surely fit PostgreSQL's bigint


@dataclass(frozen=True, slots=True)
class Streams:
    """What both doors need."""

    notifier: Notifier
    hub: Hub
    limit: Limit
    clock: Clock
    chance: Callable[[], float]  # from 0 to 1
    heartbeat: float  # seconds


def doors(streams: Streams, bells: Bells) -> Doors:
    doors = Doors()
    doorbell_doors(doors, bells)

    @doors.get("/notifier/stream/visit", Access.VISIT)
    async def stream_of_visit(request: web.Request) -> web.StreamResponse:
        session = visit(request)
        ears = Ears(Audience.VISIT, frozenset({session.appointment}))
        return await _listen(streams, request, ears, session.sub, session.exp)

    @doors.get("/notifier/stream/staff", Access.STAFF)
    async def stream_of_staff(request: web.Request) -> web.StreamResponse:
        session = staff(request)
        ears = Ears(Audience.UNIT, frozenset(session.units))
        return await _listen(streams, request, ears, session.sub, session.exp)

    return doors


async def _listen(
    streams: Streams, request: web.Request, ears: Ears, person: str, until: datetime
) -> web.StreamResponse:
    """Where things stand, and then what happens, until the session ends."""
    streams.limit.take(person)
    with streams.hub.open(ears, person) as stream:
        await streams.hub.begun()
        beginning = await streams.notifier.begin(ears, _last(request))
        response = EventSourceResponse(
            ping_interval=streams.heartbeat, send_timeout=SEND_SECONDS
        )
        response.headers["Cache-Control"] = "no-store"
        await response.prepare(request)
        stream.at_the_end(lambda: _stop(request, response, stream.ending))
        left = (until - streams.clock()).total_seconds()
        async with response:
            retry = _retry(streams.chance())
            pouring = asyncio.create_task(_pour(stream, beginning, retry, response))
            try:
                async with asyncio.timeout(left):
                    await response.wait()
            except TimeoutError:
                stream.end(Ending.EXPIRED)
            finally:
                pouring.cancel()
        return response


async def _pour(
    stream: Stream,
    beginning: Snapshot | Missed,
    retry: int,
    response: EventSourceResponse,
) -> None:
    with suppress(ConnectionError, TimeoutError):  # it is gone, and `wait` knows
        # At once, so that proxies pass the head on and the page knows it is heard.
        await response.write(f"retry: {retry}\r\n\r\n".encode())
        await _send_beginning(beginning, response)
        while True:
            notice = await stream.next()
            if notice.id > beginning.upto:
                await _send(notice, response)


async def _send_beginning(
    beginning: Snapshot | Missed, response: EventSourceResponse
) -> None:
    if isinstance(beginning, Missed):
        for notice in beginning.notices:
            await _send(notice, response)
    else:
        told = {"notices": [dict(notice.told) for notice in beginning.notices]}
        await response.send(json.dumps(told), id=str(beginning.upto), event="snapshot")


async def _send(notice: Notice, response: EventSourceResponse) -> None:
    text = json.dumps(dict(notice.told))
    await response.send(text, id=str(notice.id), event="notice")


def _stop(request: web.Request, response: EventSourceResponse, why: Ending) -> None:
    """A slow reader would not take our goodbye either."""
    response.stop_streaming()
    if why is Ending.SLOW and request.transport is not None:
        request.transport.abort()


def _last(request: web.Request) -> int | None:
    """The number the stream had last; whatever is no number is none of ours."""
    text = request.headers.get("Last-Event-ID", "")
    if text.isascii() and text.isdecimal() and len(text) <= LONGEST_ID:
        return int(text)
    return None


def _retry(chance: float) -> int:
    return round(RETRY_MS + RETRY_SPREAD_MS * (2 * chance - 1))
