"""The frames and errors of protocol v1, as docs/protocol.md describes them.

What clients say is checked strictly and sized; unknown fields are let pass, so that a
page newer than this server is understood. What we say is built from the same shapes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from chassis.refusal import Refusal
from chassis.sessions import NoSession
from contract.identity import Role
from contract.signalling import EndedBy
from services.signalling.domain import (
    AppointmentCancelled,
    BadFrame,
    CallOver,
    Failed,
    NotAdmitted,
    Replaced,
    Restarting,
    SessionOver,
    TooFast,
    TooSlow,
    TryAgain,
)

VERSION = 1
SUBPROTOCOL = "videomottagning.v1"
SDP_LENGTH = 32 * 1024
CANDIDATE_LENGTH = 2 * 1024
TOKEN_LENGTH = 4 * 1024

MemberId = Annotated[str, Field(min_length=1, max_length=64)]
ConnectionId = Annotated[str, Field(min_length=1, max_length=64)]
SessionId = Annotated[str, Field(min_length=1, max_length=64)]
Seq = Annotated[int, Field(ge=0)]


class Action(StrEnum):
    """What a client does after an error."""

    RESUME = "resume"  # connect again and resume the session
    RECONNECT = "reconnect"  # connect again and begin a new session
    STOP = "stop"  # do not come back unasked


class Close(IntEnum):
    """Close codes of the WebSocket. Below 4000: RFC 6455 and IANA's registry."""

    DONE = 1000
    FAILED = 1011
    RESTARTING = 1012
    TRY_AGAIN = 1013
    BAD_FRAME = 4400
    NO_SESSION = 4401
    SESSION_OVER = 4402
    NOT_ADMITTED = 4403
    TOO_SLOW = 4408
    REPLACED = 4409
    APPOINTMENT_CANCELLED = 4410
    CALL_OVER = 4411
    TOO_FAST = 4429


@dataclass(frozen=True, slots=True)
class Closing:
    code: Close
    action: Action


CLOSINGS: Mapping[type[Refusal], Closing] = {
    NoSession: Closing(Close.NO_SESSION, Action.STOP),
    NotAdmitted: Closing(Close.NOT_ADMITTED, Action.STOP),
    AppointmentCancelled: Closing(Close.APPOINTMENT_CANCELLED, Action.STOP),
    CallOver: Closing(Close.CALL_OVER, Action.STOP),
    Replaced: Closing(Close.REPLACED, Action.STOP),
    SessionOver: Closing(Close.SESSION_OVER, Action.RECONNECT),
    BadFrame: Closing(Close.BAD_FRAME, Action.RECONNECT),
    TooFast: Closing(Close.TOO_FAST, Action.RESUME),
    TooSlow: Closing(Close.TOO_SLOW, Action.RESUME),
    Restarting: Closing(Close.RESTARTING, Action.RESUME),
    TryAgain: Closing(Close.TRY_AGAIN, Action.RECONNECT),
    Failed: Closing(Close.FAILED, Action.RECONNECT),
}


class Frame(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    def body(self) -> str:
        """As JSON, not yet numbered."""
        return self.model_dump_json(by_alias=True)


OUTSIDE = 0


def numbered(seq: int, body: str) -> str:
    """The body with its number in front: written once however many hear it.

    `OUTSIDE` is the number of what is no part of a session's sequence.
    """
    return f'{{"seq":{seq},{body[1:]}'


# What both say ---------------------------------------------------------------------


class Description(Frame):
    """RTCSessionDescriptionInit; a rollback is nobody else's business."""

    type: Literal["offer", "answer", "pranswer"]
    sdp: str = Field(max_length=SDP_LENGTH)


class Candidate(Frame):
    """RTCIceCandidateInit; an empty `candidate` ends one generation's candidates."""

    candidate: str = Field(max_length=CANDIDATE_LENGTH)
    sdp_mid: str | None = Field(None, alias="sdpMid", max_length=64)
    sdp_m_line_index: int | None = Field(None, alias="sdpMLineIndex", ge=0, le=1000)
    username_fragment: str | None = Field(
        None, alias="usernameFragment", max_length=256
    )


class Between(Frame):
    """What one browser says to another: a description, a candidate, or that it asks.

    `connection` names the RTCPeerConnection that speaks and `meant_for` the other's, as
    far as it is known; `round` counts the offers of a connection.
    """

    connection: ConnectionId | None = None
    meant_for: ConnectionId | None = None
    round: int | None = Field(None, ge=0)
    description: Description | None = None
    candidate: Candidate | None = None
    ask: Literal["offer", "restart"] | None = None


class Devices(Frame):
    """Whether a member's microphone and camera are on."""

    microphone: bool
    camera: bool


# What clients say ------------------------------------------------------------------


class Resume(Frame):
    session: SessionId
    seen: Seq


class Hello(Frame):
    type: Literal["hello"]
    admission: str | None = Field(None, max_length=TOKEN_LENGTH)
    resume: Resume | None = None


class Signal(Between):
    type: Literal["signal"]
    to: MemberId

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        said = (self.description, self.candidate, self.ask)
        if sum(each is not None for each in said) != 1:
            raise ValueError("one of a description, a candidate and an ask")
        return self


class Media(Devices):
    type: Literal["media"]


class AskIce(Frame):
    type: Literal["ice"]


class Leave(Frame):
    type: Literal["leave"]
    for_everyone: bool = False


class Seen(Frame):
    type: Literal["seen"]
    seq: Seq


Said = Hello | Signal | Media | AskIce | Leave | Seen
_SAID: TypeAdapter[Said] = TypeAdapter(Annotated[Said, Field(discriminator="type")])


def parse(text: str) -> Said:
    """The frame in this text. Raises `BadFrame`."""
    try:
        return _SAID.validate_json(text)
    except ValidationError as wrong:
        # Unknown fields are let pass, so a place has only names of ours in it.
        places = {".".join(map(str, each["loc"])) or "type" for each in wrong.errors()}
        raise BadFrame(f"Not understood: {', '.join(sorted(places))}.") from None


# What we say -----------------------------------------------------------------------


IceServer = dict[str, list[str] | str]  # RTCIceServer: urls, username, credential


class Member(Frame):
    member: MemberId
    role: Role
    polite: bool
    media: Devices


class Welcome(Frame):
    type: Literal["welcome"] = "welcome"
    protocol: int = VERSION
    session: SessionId
    resumed: bool
    you: MemberId
    members: list[Member]
    ice_servers: list[IceServer]
    started_at: datetime | None


class Waiting(Frame):
    type: Literal["waiting"] = "waiting"


class Joined(Frame):
    type: Literal["joined"] = "joined"
    member: Member
    started_at: datetime | None


class Gone(Frame):
    type: Literal["gone"] = "gone"
    member: MemberId
    reason: Literal["left", "lost", "expired"]


class Signalled(Between):
    type: Literal["signal"] = "signal"
    sender: MemberId = Field(alias="from")

    @classmethod
    def of(cls, sender: str, said: Between) -> Self:
        told = {each: getattr(said, each) for each in Between.model_fields}
        return cls(sender=sender, **told)


class MediaOf(Devices):
    type: Literal["media"] = "media"
    member: MemberId


class Ice(Frame):
    type: Literal["ice"] = "ice"
    ice_servers: list[IceServer]


class EndOfCall(Frame):
    type: Literal["ended"] = "ended"
    by: EndedBy
    seconds: int


class Error(Frame):
    type: Literal["error"] = "error"
    code: str
    message: str
    action: Action

    @classmethod
    def of(cls, why: Refusal) -> Self:
        action = CLOSINGS[type(why)].action
        return cls(code=why.code, message=str(why), action=action)


Told = Welcome | Waiting | Joined | Gone | Signalled | MediaOf | Ice | EndOfCall | Error
