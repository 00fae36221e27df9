"""What the invitation service is told."""

from datetime import timedelta

from pydantic import Field, SecretStr

from chassis.smtp import MailSettings

MIN_SECRET = 32


class Settings(MailSettings):
    session_keys_url: str = Field(description="Identity's key set for sessions.")
    link_secret: SecretStr = Field(
        min_length=MIN_SECRET,
        description="Key of the links, 32 characters or more. "
        "A new one makes all links sent before worthless.",
    )
    link_lifetime: timedelta = Field(
        timedelta(hours=24), description="How long a link opens after the end."
    )
    mail_try_for: timedelta = Field(
        timedelta(hours=24),
        description="How long a mail server in trouble is tried for one message.",
    )
    keep_appointments: timedelta = Field(
        timedelta(days=14),
        ge=timedelta(days=6),  # longer than a booking is kept in Kafka
        description="How long the address is kept after the appointment.",
    )
