"""What signalling is told at its start. Times are in seconds."""

from typing import Annotated, Self

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from chassis.settings import Settings as Common

Urls = Annotated[tuple[str, ...], NoDecode]
KIB = 1024


class Settings(Common):
    session_keys_url: HttpUrl = Field(description="Identity's key set for sessions.")
    admission_keys_url: HttpUrl = Field(description="Lobby's key set for admissions.")

    stun_urls: Urls = Field((), description="STUN servers, stun:host:port, by comma.")
    turn_urls: Urls = Field(
        (), description="TURN servers, turn(s):host:port, by comma."
    )
    turn_secret: SecretStr | None = Field(
        None, description="The TURN servers' static-auth-secret; needed with TURN_URLS."
    )
    turn_seconds: int = Field(3600, ge=60, description="Life of TURN credentials.")

    hello_seconds: float = Field(5, gt=0, description="Within this comes the hello.")
    waiting_seconds: float = Field(
        15, gt=0, description="How long a hello waits for an admission on its way."
    )
    resume_seconds: float = Field(
        60, gt=0, description="How long a session outlives its socket."
    )
    silence_seconds: float = Field(
        60, gt=0, description="Nobody connected for so long ends a call."
    )
    instance_seconds: float = Field(
        10,
        gt=0,
        description="An instance not heard of for so long counts as crashed; "
        "each one marks itself as alive five times in it.",
    )
    heartbeat_seconds: float = Field(25, gt=0, description="Between pings.")
    farewell_seconds: float = Field(
        5, gt=0, description="Time to take what is still to be sent at the end."
    )

    frame_bytes: int = Field(64 * KIB, ge=KIB, description="Largest frame taken.")
    frames_per_second: float = Field(50, gt=0, description="From one session.")
    frames_burst: int = Field(100, ge=1, description="From one session, at once.")
    handshakes_per_second: float = Field(20, gt=0, description="From one address.")
    handshakes_burst: int = Field(40, ge=1, description="From one address, at once.")
    queue_bytes: int = Field(
        256 * KIB, ge=KIB, description="Unsent to one client before it is too slow."
    )
    replay_frames: int = Field(256, ge=1, description="Kept per session for a resume.")
    replay_bytes: int = Field(
        128 * KIB, ge=KIB, description="Kept per session for a resume."
    )
    keep_days: int = Field(
        90, ge=31, description="How long admissions, cancellations and calls are kept."
    )

    @field_validator("stun_urls", "turn_urls", mode="before")
    @classmethod
    def _by_comma(cls, text: object) -> object:
        if isinstance(text, str):
            return tuple(each.strip() for each in text.split(",") if each.strip())
        return text

    @model_validator(mode="after")
    def _turn_has_a_secret(self) -> Self:
        if self.turn_urls and self.turn_secret is None:
            raise ValueError("TURN_URLS needs TURN_SECRET")
        return self

    @model_validator(mode="after")
    def _a_replay_can_be_sent(self) -> Self:
        if self.queue_bytes < self.replay_bytes + self.frame_bytes:
            raise ValueError("QUEUE_BYTES must hold REPLAY_BYTES and FRAME_BYTES")
        return self
