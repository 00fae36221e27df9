"""A mail server that takes everything, as a process of its own.

`python -m bench.sink PORT FOLDER` appends a line to FOLDER/taken for each e-mail, the
time (seconds, as every process of this machine sees them) and the recipient, and keeps
one e-mail as FOLDER/sample.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import TextIO

import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session


class Taker:
    """aiosmtpd calls this by name."""

    def __init__(self, taken: TextIO, sample: Path) -> None:
        self._taken = taken
        self._sample = sample
        self._has_sample = False

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope
    ) -> str:
        if not self._has_sample and isinstance(envelope.content, bytes):
            self._sample.write_bytes(envelope.content)
            self._has_sample = True
        self._taken.write(f"{time.monotonic()} {envelope.rcpt_tos[0]}\n")
        return "250 2.0.0 Taken"


async def serve(port: int, folder: Path) -> None:
    loop = asyncio.get_running_loop()
    with (folder / "taken").open("a", buffering=1) as taken:
        taker = Taker(taken, folder / "sample")

        def session() -> SMTP:
            return SMTP(taker, enable_SMTPUTF8=True, hostname="sink", loop=loop)

        server = await loop.create_server(session, "127.0.0.1", port)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
