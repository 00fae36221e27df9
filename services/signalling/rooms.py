"""Rooms, in memory: who is in the call of an appointment, and what they say in it.

Nothing here waits. What must be written down is handed over as a deed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from chassis.clock import Clock
from chassis.refusal import Refusal
from contract.identity import Role
from contract.signalling import EndedBy
from services.signalling.domain import (
    BadFrame,
    Call,
    CallOver,
    Deed,
    Ended,
    NotAdmitted,
    Person,
    Replaced,
    Standing,
    Started,
    are_together,
    ends_with,
    is_polite,
)
from services.signalling.line import Line
from services.signalling.metrics import RELAYED, ROOMS
from services.signalling.protocol import (
    AskIce,
    Devices,
    EndOfCall,
    Gone,
    Hello,
    Ice,
    Joined,
    Leave,
    Media,
    MediaOf,
    Member,
    Resume,
    Said,
    Seen,
    Signal,
    Signalled,
    Welcome,
    numbered,
)
from services.signalling.turn import Turn

DESCRIPTIONS = RELAYED.labels("description")
CANDIDATES = RELAYED.labels("candidate")
ASKS = RELAYED.labels("ask")


def count_relayed(said: Signal) -> None:
    if said.description is not None:
        DESCRIPTIONS.inc()
    elif said.candidate is not None:
        CANDIDATES.inc()
    else:
        ASKS.inc()


class Memory:
    """The last frames of a session, for a resume. Bounded by count and by length."""

    def __init__(self, frames: int, length: int) -> None:
        self._most_frames = frames
        self._most_length = length
        self._kept: deque[tuple[int, str]] = deque()
        self._length = 0
        self.last = 0

    def number(self, body: str) -> str:
        """The body with the next number, remembered."""
        self.last += 1
        text = numbered(self.last, body)
        self._kept.append((self.last, text))
        self._length += len(text)
        while len(self._kept) > self._most_frames or self._length > self._most_length:
            self._drop()
        return text

    def forget(self, seen: int) -> None:
        while self._kept and self._kept[0][0] <= seen:
            self._drop()

    def reaches(self, seen: int) -> bool:
        """Whether everything after this number is still known."""
        return self.last - len(self._kept) <= seen <= self.last

    def after(self, seen: int) -> Iterator[str]:
        return (text for seq, text in self._kept if seq > seen)

    def _drop(self) -> None:
        self._length -= len(self._kept.popleft()[1])


@dataclass(eq=False, slots=True)
class Session:
    """One page's place in a room. It outlives its sockets."""

    person: Person
    since: datetime  # the admission that it stands on
    name: str  # known to this client alone: who knows it may resume
    pseudonym: str
    memory: Memory
    line: Line | None
    media: Devices = field(
        default_factory=lambda: Devices(microphone=True, camera=True)
    )
    expiry: asyncio.TimerHandle | None = None

    def tell(self, body: str) -> None:
        text = self.memory.number(body)
        if self.line is not None:
            self.line.send(text)

    def as_member(self) -> Member:
        return Member(
            member=self.person.member,
            role=self.person.role,
            polite=is_polite(self.person.role),
            media=self.media,
        )

    def stay(self) -> None:
        """It does not expire any more."""
        if self.expiry is not None:
            self.expiry.cancel()
            self.expiry = None

    def close(self, why: Refusal | None = None) -> None:
        self.stay()
        if self.line is not None:
            self.line.end(why)


@dataclass(eq=False, slots=True)
class Room:
    appointment_id: str
    sessions: dict[str, Session] = field(default_factory=dict)
    started_at: datetime | None = None

    @property
    def connected(self) -> list[Session]:
        return [each for each in self.sessions.values() if each.line is not None]

    @property
    def roles(self) -> list[Role]:
        return [each.person.role for each in self.sessions.values()]

    def tell_others(self, session: Session, body: str) -> None:
        for each in self.sessions.values():
            if each is not session:
                each.tell(body)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a session outlives its socket, and how much is kept for it."""

    resume_seconds: float
    replay_frames: int
    replay_length: int


class Rooms:
    """All rooms of this process. `chance` makes names that cannot be guessed."""

    def __init__(
        self,
        clock: Clock,
        chance: Callable[[], str],
        turn: Turn,
        bounds: Bounds,
        note: Callable[[Deed], None],
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._turn = turn
        self._bounds = bounds
        self._note = note
        self._rooms: dict[str, Room] = {}

    def __contains__(self, appointment_id: str) -> bool:
        return appointment_id in self._rooms

    @property
    def known(self) -> list[str]:
        return list(self._rooms)

    @property
    def connected(self) -> list[str]:
        """The appointments in whose room somebody is connected."""
        return [name for name, room in self._rooms.items() if room.connected]

    def admitted_since(self, person: Person) -> datetime | None:
        """What we remember of someone who is in already."""
        session = self._session(person)
        return session.since if session else None

    def resume(self, person: Person, resume: Resume, line: Line) -> Session | None:
        """Go on with a session as if its socket had not been lost; None if it is not."""
        session = self._session(person)
        if (
            session is None
            or session.name != resume.session
            or not session.memory.reaches(resume.seen)
        ):
            return None
        session.close()
        session.line = line
        session.memory.forget(resume.seen)
        for text in session.memory.after(resume.seen):
            line.send(text)
        self._greet(session, resumed=True)
        return session

    def enter(
        self, person: Person, since: datetime, call: Call | None, line: Line
    ) -> Session:
        """A new session. One that the same person had before ends."""
        room = self._rooms.setdefault(
            person.appointment_id, Room(person.appointment_id)
        )
        ROOMS.set(len(self._rooms))
        if older := room.sessions.pop(person.member, None):
            older.close(Replaced("You opened the call elsewhere."))
        session = self._made(person, since, line)
        room.sessions[person.member] = session
        room.started_at = room.started_at or (call.open_since if call else None)
        self._start_if_together(room)
        self._greet(session, resumed=False)
        return session

    def lose(self, session: Session, line: Line) -> None:
        """A socket is gone. Its session waits a while for another."""
        room = self._room(session)
        if room is None or session.line is not line:
            return
        session.line = None
        member = session.person.member
        room.tell_others(session, Gone(member=member, reason="lost").body())
        session.expiry = asyncio.get_running_loop().call_later(
            self._bounds.resume_seconds, self._expire, room, session
        )

    def hear(self, session: Session, said: Said) -> None:
        """What a member says. Raises `BadFrame`."""
        room = self._room(session)
        if room is None:
            return  # they were shown out a moment ago
        match said:
            case Signal():
                self._relay(room, session, said)
            case Media():
                self._show_media(room, session, said)
            case AskIce():
                servers = self._turn.servers(session.pseudonym)
                session.tell(Ice(ice_servers=servers).body())
            case Seen():
                session.memory.forget(said.seq)
            case Leave():
                self._leave(room, session, said)
            case Hello():
                raise BadFrame("You have said hello already.")

    def heed(self, appointment_id: str, standing: Standing) -> None:
        """See to it that the room agrees with what is written."""
        room = self._rooms.get(appointment_id)
        if room is None:
            return
        for session in list(room.sessions.values()):
            self._heed(room, session, standing)
        if standing.call is not None:
            self._agree_on_start(room, standing.call)

    def _made(self, person: Person, since: datetime, line: Line) -> Session:
        memory = Memory(self._bounds.replay_frames, self._bounds.replay_length)
        return Session(person, since, self._chance(), self._chance(), memory, line)

    def _session(self, person: Person) -> Session | None:
        room = self._rooms.get(person.appointment_id)
        return room.sessions.get(person.member) if room else None

    def _room(self, session: Session) -> Room | None:
        """The room that this session is in, unless it is in none any more."""
        room = self._rooms.get(session.person.appointment_id)
        if room and room.sessions.get(session.person.member) is session:
            return room
        return None

    def _greet(self, session: Session, *, resumed: bool) -> None:
        room = self._rooms[session.person.appointment_id]
        welcome = Welcome(
            session=session.name,
            resumed=resumed,
            you=session.person.member,
            members=[each.as_member() for each in room.connected],
            ice_servers=self._turn.servers(session.pseudonym),
            started_at=room.started_at,
        )
        session.tell(welcome.body())
        joined = Joined(member=session.as_member(), started_at=room.started_at)
        room.tell_others(session, joined.body())

    def _relay(self, room: Room, session: Session, said: Signal) -> None:
        other = room.sessions.get(said.to)
        if other is None or other is session:
            return  # gone a moment ago
        other.tell(Signalled.of(session.person.member, said).body())
        count_relayed(said)

    def _show_media(self, room: Room, session: Session, said: Media) -> None:
        session.media = Devices(microphone=said.microphone, camera=said.camera)
        shown = MediaOf(
            member=session.person.member,
            microphone=said.microphone,
            camera=said.camera,
        )
        room.tell_others(session, shown.body())

    def _leave(self, room: Room, session: Session, said: Leave) -> None:
        role = session.person.role
        if said.for_everyone:
            if role is not Role.PROFESSIONAL:
                raise BadFrame("Only a professional ends the call for everyone.")
            self._end(room, EndedBy.PROFESSIONAL)
            return
        staying = [
            each.person.role for each in room.sessions.values() if each is not session
        ]
        if room.started_at is not None and ends_with(role, staying):
            self._end(room, EndedBy(role.value))
        else:
            session.close()
            self._remove(room, session)

    def _end(self, room: Room, by: EndedBy) -> None:
        ended = Ended(room.appointment_id, room.started_at, self._clock(), by)
        self._note(ended)
        for session in list(room.sessions.values()):
            self._tell_end(session, ended.call)
        self._rooms.pop(room.appointment_id)
        ROOMS.set(len(self._rooms))

    def _heed(self, room: Room, session: Session, standing: Standing) -> None:
        try:
            since = standing.still_admitted_since(session.person, session.since)
        except CallOver:
            if standing.call is not None:
                self._tell_end(session, standing.call)
        except Refusal as no:
            session.close(no)
        else:
            if since is not None:
                session.since = since
                return
            session.close(NotAdmitted("You are not let in any more."))
        self._remove(room, session)

    def _tell_end(self, session: Session, call: Call) -> None:
        by = call.ended_by or EndedBy.SILENCE
        session.tell(EndOfCall(by=by, seconds=call.seconds or 0).body())
        session.close()

    def _expire(self, room: Room, session: Session) -> None:
        """Their socket did not come back; what the browsers have need not end with it."""
        self._remove(room, session, "expired")

    def _remove(
        self,
        room: Room,
        session: Session,
        reason: Literal["left", "expired"] = "left",
    ) -> None:
        """They are not in the room any more, and the others are told."""
        if room.sessions.get(session.person.member) is not session:
            return
        del room.sessions[session.person.member]
        gone = Gone(member=session.person.member, reason=reason)
        room.tell_others(session, gone.body())
        if not room.sessions:
            self._rooms.pop(room.appointment_id, None)
            ROOMS.set(len(self._rooms))

    def _start_if_together(self, room: Room) -> None:
        if room.started_at is None and are_together(room.roles):
            room.started_at = self._clock()
            self._note(Started(room.appointment_id, room.started_at))

    def _agree_on_start(self, room: Room, call: Call) -> None:
        """The call may have been started, or ended, by another process."""
        if call.ended_at is None:
            room.started_at = call.started_at
        elif room.started_at is not None and call.ended_at >= room.started_at:
            room.started_at = None
            self._start_if_together(room)
