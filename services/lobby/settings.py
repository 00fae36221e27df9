"""What the lobby is told."""

from datetime import timedelta

from pydantic import Field, SecretStr

from chassis.settings import Settings as Common


class Settings(Common):
    session_keys_url: str = Field(description="Identity's key set for sessions.")
    admission_key: SecretStr = Field(
        description="P-256 private key (PEM) that signs admissions to a call."
    )
    join_after_end: timedelta = Field(
        timedelta(minutes=15), description="How long after the end one may still join."
    )
    present_for: timedelta = Field(
        timedelta(seconds=20),
        description="Silence after which a person is not present.",
    )
    summons_grace: timedelta = Field(
        timedelta(seconds=180),
        description="How long a professional waits for someone who was asked to come.",
    )
    keep_visits: timedelta = Field(
        timedelta(days=30), description="How long a visit is kept after its end."
    )
