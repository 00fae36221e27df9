"""What the notifier is told at its start."""

from pydantic import Field, HttpUrl

from chassis.settings import Settings


class NotifierSettings(Settings):
    session_keys_url: HttpUrl = Field(description="Key set of the session cookies.")
    stream_queue: int = Field(
        200, ge=1, description="Notices that may wait for one slow stream."
    )
    streams_per_person: int = Field(
        20, ge=1, description="Streams that one person may have open here."
    )
    heartbeat_seconds: float = Field(
        15, gt=0, description="A comment this often keeps proxies from closing streams."
    )
