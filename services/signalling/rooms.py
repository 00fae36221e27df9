"""Rooms, in memory: who is in the call of an appointment, and what they say in it.

A call may have members on other instances: who they are is seen by `agree`, and what is
said to them is passed on. Nothing here waits. What must be written down is handed over.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

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
    ends_with,
    together_by,
)
from services.signalling.line import Line
from services.signalling.metrics import RELAYED, ROOMS, SPREAD_ROOMS
from services.signalling.passage import Outgoing
from services.signalling.presence import (
    REASONS,
    Presence,
    Presences,
    State,
    differences,
    of_this_call,
    somebody_connected,
)
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
    Resume,
    Said,
    Seen,
    Signal,
    Signalled,
    Welcome,
)
from services.signalling.room import Memory, Room, Session
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


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a session outlives its socket, and how much is kept for it."""

    resume_seconds: float
    replay_frames: int
    replay_length: int


@dataclass(frozen=True, slots=True)
class Outside:
    """Where rooms hand over what others must know. Nothing of it waits."""

    note: Callable[[Deed], None]  # what happened is to be written
    changed: Callable[[Session], None]  # other instances are to know of this member
    pass_on: Callable[[Outgoing], None]  # to a member on another instance


class Rooms:
    """All rooms of this process. `chance` makes names that cannot be guessed."""

    def __init__(
        self,
        clock: Clock,
        chance: Callable[[], str],
        turn: Turn,
        bounds: Bounds,
        outside: Outside,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._turn = turn
        self._bounds = bounds
        self._outside = outside
        self._rooms: dict[str, Room] = {}

    def __contains__(self, appointment_id: str) -> bool:
        return appointment_id in self._rooms

    @property
    def known(self) -> list[str]:
        return list(self._rooms)

    @property
    def connected(self) -> list[str]:
        """The appointments in whose room somebody is connected."""
        return [name for name, room in self._rooms.items() if room.is_connected]

    @property
    def sessions(self) -> Iterator[Session]:
        """All of them, of every room."""
        for room in self._rooms.values():
            yield from room.sessions.values()

    def somebody_connected(self, appointment_id: str) -> bool:
        room = self._rooms.get(appointment_id)
        return room is not None and room.is_connected

    def knows(self, appointment_id: str, member: str, instance: str) -> bool:
        """Whether those here have been told that this member of their call is there."""
        room = self._rooms.get(appointment_id)
        presence = room.elsewhere.get(member) if room else None
        return presence is not None and presence.instance == instance

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
        session.come_back(line)
        session.memory.forget(resume.seen)
        for text in session.memory.after(resume.seen):
            line.send(text)
        self._greet(session, resumed=True)
        return session

    def enter(
        self,
        person: Person,
        since: datetime,
        call: Call | None,
        elsewhere: Presences,
        line: Line,
    ) -> Session:
        """A new session. One that the same person had before ends.

        `elsewhere` counts only when nobody was here: else we know later news.
        """
        room = self._opened(person.appointment_id, elsewhere)
        room.elsewhere.pop(person.member, None)
        if older := room.sessions.pop(person.member, None):
            older.close(Replaced("You opened the call elsewhere."))
        session = self._made(person, since, line)
        room.sessions[person.member] = session
        room.started_at = room.started_at or (call.open_since if call else None)
        self._start_if_together(room, call)
        self._greet(session, resumed=False)
        self._count_rooms()
        return session

    def agree(
        self, appointment_id: str, standing: Standing, elsewhere: Presences
    ) -> None:
        """See to it that the room agrees with what is written of it and of who is elsewhere."""
        room = self._rooms.get(appointment_id)
        if room is None:
            return
        alive = room.is_connected or somebody_connected(elsewhere)
        for session in list(room.sessions.values()):
            self._heed(room, session, standing.where_somebody_is if alive else standing)
        if room.sessions:
            present = of_this_call(elsewhere, standing.call)
            self._see(room, present, standing.call)

    def deliver(self, appointment_id: str, member: str, body: str) -> bool:
        """What somebody elsewhere says to a member. False when that one is not here."""
        room = self._rooms.get(appointment_id)
        session = room.sessions.get(member) if room else None
        if session is None:
            return False
        session.tell(body)
        return True

    def lose(self, session: Session, line: Line) -> None:
        """A socket is gone. Its session waits a while for another."""
        room = self._room(session)
        if room is None or session.line is not line:
            return
        session.line = None
        member = session.person.member
        room.tell_others(session, Gone(member=member, reason="lost").body())
        self._outside.changed(session)
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
            members=room.members,
            ice_servers=self._turn.servers(session.pseudonym),
            started_at=room.started_at,
        )
        session.tell(welcome.body())
        joined = Joined(member=session.as_member(), started_at=room.started_at)
        room.tell_others(session, joined.body())
        self._outside.changed(session)

    def _relay(self, room: Room, session: Session, said: Signal) -> None:
        sender = session.person.member
        here = room.sessions.get(said.to)
        elsewhere = room.elsewhere.get(said.to)
        body = Signalled.of(sender, said).body()
        if here is not None and here is not session:
            here.tell(body)
        elif elsewhere is not None:
            self._outside.pass_on(
                Outgoing(elsewhere.instance, room.appointment_id, sender, said.to, body)
            )
        else:
            return  # gone a moment ago
        count_relayed(said)

    def _show_media(self, room: Room, session: Session, said: Media) -> None:
        session.media = Devices(microphone=said.microphone, camera=said.camera)
        shown = MediaOf(
            member=session.person.member,
            microphone=said.microphone,
            camera=said.camera,
        )
        room.tell_others(session, shown.body())
        self._outside.changed(session)

    def _leave(self, room: Room, session: Session, said: Leave) -> None:
        role = session.person.role
        if said.for_everyone:
            if role is not Role.PROFESSIONAL:
                raise BadFrame("Only a professional ends the call for everyone.")
            self._end(room, EndedBy.PROFESSIONAL)
            return
        staying = room.roles
        staying.remove(role)
        if room.started_at is not None and ends_with(role, staying):
            self._end(room, EndedBy(role.value))
        else:
            session.close()
            self._remove(room, session)

    def _end(self, room: Room, by: EndedBy) -> None:
        ended = Ended(room.appointment_id, room.started_at, self._clock(), by)
        self._outside.note(ended)
        for session in list(room.sessions.values()):
            self._tell_end(session, ended.call)
            self._take_out(room, session, State.LEFT)
        self._close_if_empty(room)

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
                self._admit_again(session, since)
                return
            session.close(NotAdmitted("You are not let in any more."))
        self._remove(room, session)

    def _admit_again(self, session: Session, since: datetime) -> None:
        if session.since != since:
            session.since = since
            self._outside.changed(session)

    def _tell_end(self, session: Session, call: Call) -> None:
        by = call.ended_by or EndedBy.SILENCE
        session.tell(EndOfCall(by=by, seconds=call.seconds or 0).body())
        session.close()

    def _expire(self, room: Room, session: Session) -> None:
        """Their socket did not come back; what the browsers have need not end with it."""
        self._remove(room, session, State.EXPIRED)

    def _remove(self, room: Room, session: Session, state: State = State.LEFT) -> None:
        """They are not in the room any more, and the others are told."""
        if room.sessions.get(session.person.member) is not session:
            return
        self._take_out(room, session, state)
        gone = Gone(member=session.person.member, reason=REASONS[state])
        room.tell(gone.body())
        self._close_if_empty(room)

    def _take_out(self, room: Room, session: Session, state: State) -> None:
        del room.sessions[session.person.member]
        session.gone = state
        self._outside.changed(session)

    def _see(self, room: Room, presences: Presences, latest: Call | None) -> None:
        """See to it that those here know who is elsewhere."""
        before = room.elsewhere | self._give_way(room, presences)
        after = {
            member: presence
            for member, presence in presences.items()
            if member not in room.sessions
        }
        room.elsewhere = {
            member: presence
            for member, presence in after.items()
            if not presence.is_final
        }
        self._agree_on_start(room, latest)
        for frame in differences(before, after, room.started_at):
            room.tell(frame.body())
        self._close_if_empty(room)

    def _give_way(self, room: Room, presences: Presences) -> dict[str, Presence]:
        """A page here ends when the same person has opened the call elsewhere since.

        As what the others here know those whose pages ended.
        """
        gave_way = {}
        for member, session in list(room.sessions.items()):
            presence = presences.get(member)
            if presence is not None and session.is_older_than(presence):
                del room.sessions[member]
                gave_way[member] = session.as_presence()
                session.close(Replaced("You opened the call elsewhere."))
        return gave_way

    def _opened(self, appointment_id: str, elsewhere: Presences) -> Room:
        room = self._rooms.get(appointment_id)
        if room is None:
            staying = {
                member: presence
                for member, presence in elsewhere.items()
                if not presence.is_final
            }
            room = Room(appointment_id, elsewhere=staying)
            self._rooms[appointment_id] = room
        return room

    def _close_if_empty(self, room: Room) -> None:
        if not room.sessions and self._rooms.get(room.appointment_id) is room:
            del self._rooms[room.appointment_id]
        self._count_rooms()

    def _count_rooms(self) -> None:
        ROOMS.set(len(self._rooms))
        SPREAD_ROOMS.set(sum(bool(each.elsewhere) for each in self._rooms.values()))

    def _start_if_together(self, room: Room, latest: Call | None) -> None:
        """Each instance that sees it notes it; the first to be written counts."""
        admitted_at = together_by(room.admissions)
        if room.started_at is None and admitted_at is not None:
            now = self._clock()
            room.started_at = latest.next_start(now) if latest else now
            self._outside.note(
                Started(room.appointment_id, room.started_at, admitted_at)
            )

    def _agree_on_start(self, room: Room, latest: Call | None) -> None:
        """The call may have been started, or ended, by another process.

        What was taken for a start, by members who are none, is none.
        """
        if latest is not None and latest.ended_at is None:
            room.started_at = latest.started_at
        elif latest is not None and not _goes_on(room, latest.ended_at):
            room.started_at = None
        self._start_if_together(room, latest)


def _goes_on(room: Room, after: datetime | None) -> bool:
    """Whether another call than the one that ended then goes on here, as far as is known."""
    if room.started_at is None or after is None:
        return False
    return room.started_at > after and together_by(room.admissions) is not None
