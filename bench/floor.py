"""The least that sending takes: aiosmtplib hands over one prepared e-mail many times.

`python -m bench.floor PORT SAMPLE NUMBER CONNECTIONS` prints the seconds it took and the
processor's seconds it used, as JSON.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop
from aiosmtplib import SMTP


async def send(port: int, content: bytes, recipients: Iterator[str]) -> None:
    client = SMTP(hostname="127.0.0.1", port=port, start_tls=False)
    async with client:
        for each in recipients:
            await client.sendmail("floor@visit.test", [each], content)


async def measure(
    port: int, content: bytes, number: int, connections: int
) -> dict[str, float]:
    began, used = time.monotonic(), time.process_time()
    recipients = (f"floor-{each}@example.test" for each in range(number))
    async with asyncio.TaskGroup() as senders:
        for _ in range(connections):
            senders.create_task(send(port, content, recipients))
    return {
        "seconds": time.monotonic() - began,
        "processor": time.process_time() - used,
    }


if __name__ == "__main__":
    port, sample, number, connections = sys.argv[1:]
    content = Path(sample).read_bytes()
    found = uvloop.run(measure(int(port), content, int(number), int(connections)))
    sys.stdout.write(json.dumps(found))
