"""One socket, from its first frame to its last: one task reads, one writes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from aiohttp import WSMessage, WSMsgType, web

from chassis.clock import Clock
from chassis.limits import Limit, TooMany
from chassis.logs import Log, trouble
from chassis.refusal import Refusal, Unavailable
from services.signalling.clerk import Clerk
from services.signalling.domain import (
    BadFrame,
    Caller,
    Failed,
    Person,
    Restarting,
    SessionOver,
    TooFast,
    TooSlow,
    TryAgain,
)
from services.signalling.entrance import Entrance
from services.signalling.line import Line
from services.signalling.metrics import CONNECTIONS, HELLOS
from services.signalling.protocol import (
    OUTSIDE,
    Close,
    Hello,
    Said,
    Waiting,
    numbered,
    parse,
)
from services.signalling.room import Session
from services.signalling.rooms import Rooms

Identify = Callable[[], Awaitable[Caller]]


@dataclass(frozen=True, slots=True)
class Desk:
    """What every conversation needs."""

    rooms: Rooms
    entrance: Entrance
    clerk: Clerk
    pace: Limit
    hello_seconds: float
    clock: Clock
    log: Log


class Lines:
    """The lines of all open sockets, so that a stop can end them."""

    def __init__(self) -> None:
        self._open: set[Line] = set()

    def add(self, line: Line) -> None:
        self._open.add(line)
        CONNECTIONS.set(len(self._open))

    def remove(self, line: Line) -> None:
        self._open.discard(line)
        CONNECTIONS.set(len(self._open))

    def restart(self) -> None:
        """Everybody is told to come back; nobody is waited for."""
        for line in self._open:
            line.end(Restarting("We restart. Come back in a moment."))


class Conversation:
    def __init__(self, desk: Desk, socket: web.WebSocketResponse, line: Line) -> None:
        self._desk = desk
        self._socket = socket
        self._line = line
        self._session: Session | None = None
        self._entering: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None

    async def run(self, identify: Identify) -> None:
        reading = asyncio.create_task(self._guarded(self._read(identify)))
        reading.add_done_callback(lambda _: self._line.end())
        code: Close | None = None
        try:
            code = await self._line.write(self._socket)
        finally:
            # Nobody may read while the socket closes: aiohttp would then not wait for
            # the other end's close, and what was sent last could be lost on the way.
            await _stopped(reading)
            await _stopped(self._entering)
            if self._expiry is not None:
                self._expiry.cancel()
            if self._session is not None:
                self._desk.rooms.lose(self._session, self._line)
        if code is not None:
            await self._socket.close(code=code)

    async def _guarded(self, work: Awaitable[None]) -> None:
        """Whatever goes wrong becomes the line's last word."""
        try:
            await work
        except Refusal as no:
            self._end(no)
        except Unavailable:
            self._end(TryAgain("We cannot do this right now. Try again in a moment."))
        except Exception as error:  # noqa: BLE001 - logged; the other sockets go on
            self._desk.log.error("A conversation failed.", **trouble(error))
            self._end(Failed("Something went wrong here."))

    def _end(self, why: Refusal) -> None:
        if self._session is None:
            HELLOS.labels(why.code).inc()
        self._line.end(why)

    async def _read(self, identify: Identify) -> None:
        caller = await identify()
        self._expire(caller.until)
        hello = await self._hello()
        if hello is None:
            return
        entering = self._guarded(self._enter(caller.person, hello))
        self._entering = asyncio.create_task(entering)
        async for message in self._socket:
            self._hear(message)

    def _expire(self, until: datetime) -> None:
        """A logout elsewhere reaches this socket when its token is over, and not later."""
        why = SessionOver("Your token is over. Come back with a renewed one.")
        left = (until - self._desk.clock()).total_seconds()
        loop = asyncio.get_running_loop()
        self._expiry = loop.call_later(left, self._end, why)

    async def _hello(self) -> Hello | None:
        """The first frame; nothing when they hang up instead."""
        try:
            message = await self._socket.receive(self._desk.hello_seconds)
        except TimeoutError:
            raise TooSlow("You did not say hello.") from None
        if _is_over(message):
            return None
        said = _parsed(message)
        if not isinstance(said, Hello):
            raise BadFrame("Say hello first.")
        return said

    async def _enter(self, person: Person, hello: Hello) -> None:
        if hello.resume is not None:
            self._session = self._desk.rooms.resume(person, hello.resume, self._line)
        if self._session is not None:
            self._entered(person, "resumed")
            return
        entry = await self._desk.entrance.pass_in(
            person, hello.admission, self._say_waiting
        )
        self._session = self._desk.rooms.enter(
            person, entry.since, entry.call, entry.elsewhere, self._line
        )
        self._entered(person, "joined")
        # Something may have been written between the look and the entry.
        self._desk.clerk.look([person.appointment_id])

    def _entered(self, person: Person, outcome: str) -> None:
        HELLOS.labels(outcome).inc()
        self._desk.log.info(
            "Someone is in a room.",
            appointment_id=person.appointment_id,
            member=person.member,
            role=person.role,
            outcome=outcome,
        )

    def _say_waiting(self) -> None:
        self._line.send(numbered(OUTSIDE, Waiting().body()))

    def _hear(self, message: WSMessage) -> None:
        if _is_over(message):
            return
        if self._session is None:
            raise BadFrame("Wait for the welcome.")
        try:
            self._desk.pace.take(self._session.name)
        except TooMany:
            raise TooFast("That was too much at once.") from None
        self._desk.rooms.hear(self._session, _parsed(message))


async def _stopped(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _is_over(message: WSMessage) -> bool:
    return message.type not in (WSMsgType.TEXT, WSMsgType.BINARY)


def _parsed(message: WSMessage) -> Said:
    if message.type is not WSMsgType.TEXT:
        raise BadFrame("Frames are text.")
    return parse(message.data)
