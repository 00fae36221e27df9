"""One room, in memory: who is in it, and what each of them is still to be told."""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

from chassis.refusal import Refusal
from contract.identity import Role
from services.signalling.domain import Person, is_polite
from services.signalling.line import Line
from services.signalling.presence import Presence, State
from services.signalling.protocol import Devices, Member, numbered


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
    gone: State | None = None
    hello_at: float = field(default_factory=monotonic)  # on this machine's own clock
    arrived_at: datetime | None = None  # the same by the database's, once it is written

    @property
    def state(self) -> State:
        if self.gone is not None:
            return self.gone
        return State.LOST if self.line is None else State.CONNECTED

    def is_older_than(self, presence: Presence) -> bool:
        """Whether the same person has said hello elsewhere since.

        Unknown until the database has told us when they said hello here.
        """
        return self.arrived_at is not None and self.arrived_at < presence.arrived_at

    def as_presence(self) -> Presence:
        """What the others here were told of them."""
        return Presence(
            member=self.person.member,
            role=self.person.role,
            media=self.media,
            instance="",
            admitted_at=self.since,
            arrived_at=self.arrived_at or datetime.min.replace(tzinfo=UTC),
            state=self.state,
        )

    def come_back(self, line: Line) -> None:
        """On another socket, which is as good as a new arrival."""
        self.close()
        self.line = line
        self.hello_at = monotonic()
        self.arrived_at = None

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
    """The members of a call: by session those here, by presence those elsewhere.

    It is kept for as long as somebody is here.
    """

    appointment_id: str
    sessions: dict[str, Session] = field(default_factory=dict)
    elsewhere: dict[str, Presence] = field(default_factory=dict)
    started_at: datetime | None = None

    @property
    def is_connected(self) -> bool:
        """Whether anybody here is connected."""
        return any(each.line is not None for each in self.sessions.values())

    @property
    def members(self) -> list[Member]:
        """Those who are connected, here or elsewhere."""
        here = [each for each in self.sessions.values() if each.line is not None]
        elsewhere = [each for each in self.elsewhere.values() if each.is_connected]
        return [each.as_member() for each in here] + [
            each.as_member() for each in elsewhere
        ]

    @property
    def roles(self) -> list[Role]:
        """Also of those who may come back."""
        here = [each.person.role for each in self.sessions.values()]
        return here + [each.role for each in self.elsewhere.values()]

    @property
    def admissions(self) -> list[tuple[Role, datetime]]:
        here = [(each.person.role, each.since) for each in self.sessions.values()]
        elsewhere = [
            each for each in self.elsewhere.values() if each.is_surely_connected
        ]
        return here + [(each.role, each.admitted_at) for each in elsewhere]

    def tell(self, body: str) -> None:
        """Everybody here."""
        for each in self.sessions.values():
            each.tell(body)

    def tell_others(self, session: Session, body: str) -> None:
        for each in self.sessions.values():
            if each is not session:
                each.tell(body)
