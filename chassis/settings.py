"""Settings from the environment: one frozen object, read once, all complaints together.

A secret may also stand in a file of its name (in lower case) in `SECRETS_DIR`.
"""

import os
from datetime import timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import Field, HttpUrl, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What every service is told. Secrets have no default and do not print."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: SecretStr = Field(
        description="PostgreSQL, with the service's own role."
    )
    database_pool: int = Field(8, ge=1, le=64, description="Connections at most.")
    kafka_servers: str = Field(description="Bootstrap servers, host:port, by comma.")
    kafka_fetch_wait_ms: int = Field(
        500, ge=1, description="How long a fetch may wait at the broker."
    )
    public_url: HttpUrl = Field(description="The one origin that browsers see.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port for browsers.")
    ops_host: str = Field("127.0.0.1", description="Address for operations.")
    ops_port: int = Field(9090, ge=0, le=65535, description="Metrics and health.")
    proxies: int = Field(
        0, ge=0, le=5, description="Trusted proxies in front, for the client's address."
    )
    log_level: str = Field(
        "INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="Least level logged.",
    )
    audit_kept: timedelta = Field(
        timedelta(days=4383),
        ge=timedelta(days=730),
        description="Lines of the audit are kept so long: twelve years, as logs of who "
        "handled patients' data.",
    )
    drain_seconds: float = Field(
        20, ge=0, description="Time to finish what is under way at SIGTERM."
    )

    @property
    def origin(self) -> str:
        """The public URL without a path or a trailing slash."""
        parts = urlsplit(str(self.public_url))
        return f"{parts.scheme}://{parts.netloc}"


AnySettings = TypeVar("AnySettings", bound=BaseSettings)


def read(kind: type[AnySettings]) -> AnySettings:
    """The settings, or an exit with every complaint; no value is quoted."""
    try:
        return kind(_secrets_dir=os.environ.get("SECRETS_DIR"))
    except ValidationError as wrong:
        complaints = [
            f"  {'.'.join(map(str, each['loc'])).upper()}: {each['msg']}"
            for each in wrong.errors()
        ]
        raise SystemExit("\n".join(["Settings are not right:", *complaints])) from None
