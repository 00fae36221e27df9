"""Who is in a call on another instance, and what that means to those who are here. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from contract.identity import Role
from services.signalling.domain import Call, is_polite
from services.signalling.protocol import Devices, Frame, Gone, Joined, MediaOf, Member


class State(StrEnum):
    CONNECTED = "connected"
    LOST = "lost"  # without a socket, and may come back
    LEFT = "left"
    EXPIRED = "expired"  # lost, and did not come back in time


Reason = Literal["left", "lost", "expired"]
REASONS: Mapping[State, Reason] = {
    State.LOST: "lost",
    State.LEFT: "left",
    State.EXPIRED: "expired",
}
FINAL = frozenset({State.LEFT, State.EXPIRED})


@dataclass(frozen=True, slots=True)
class Presence:
    """A member of a call, as the instance that holds their socket wrote it."""

    member: str
    role: Role
    media: Devices
    instance: str
    admitted_at: datetime  # the admission that they are in by
    arrived_at: datetime  # when their page last said hello, by the database's clock
    state: State
    is_sure: bool = True  # else it may be what a crashed instance left behind

    @property
    def is_connected(self) -> bool:
        return self.state is State.CONNECTED

    @property
    def is_surely_connected(self) -> bool:
        return self.is_connected and self.is_sure

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    def as_member(self) -> Member:
        return Member(
            member=self.member,
            role=self.role,
            polite=is_polite(self.role),
            media=self.media,
        )


Presences = Mapping[str, Presence]


def of_this_call(presences: Presences, latest: Call | None) -> Presences:
    """Without those who were in a call that is over, whoever has not noticed it yet."""
    if latest is None or latest.ended_at is None:
        return presences
    over, fell_silent = latest.ended_at, latest.fell_silent
    return {
        member: presence
        for member, presence in presences.items()
        if presence.admitted_at > over or (fell_silent and presence.is_connected)
    }


def somebody_connected(presences: Presences) -> bool:
    return any(each.is_surely_connected for each in presences.values())


def differences(
    before: Presences, after: Presences, started_at: datetime | None
) -> Iterator[Frame]:
    """What somebody who knew `before` is told, so that they know `after`."""
    for member in before.keys() - after.keys():
        yield Gone(member=member, reason="expired")
    for member, presence in after.items():
        frame = _difference(before.get(member), presence, started_at)
        if frame is not None:
            yield frame


def _difference(
    before: Presence | None, after: Presence, started_at: datetime | None
) -> Frame | None:
    if after.is_connected:
        if before is None or _came_back(before, after):
            return Joined(member=after.as_member(), started_at=started_at)
        if before.media != after.media:
            return MediaOf(member=after.member, **after.media.model_dump())
    elif before is not None and (before.is_connected or after.is_final):
        return Gone(member=after.member, reason=REASONS[after.state])
    return None


def _came_back(before: Presence, after: Presence) -> bool:
    return not before.is_connected or before.arrived_at != after.arrived_at
