"""A real HAProxy in front of the suite, as deploy/k8s asks for one.

Debian's package `haproxy` has it. Signalling is behind it in several instances, each
asked for its readiness as Kubernetes asks; all else goes to one address.
"""

import os
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from dev import programs

PROGRAM = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MISSING = "NO HAPROXY HERE: needs `apt-get install haproxy`"
READY_WITHIN = 20
BY_PATH = "balance uri path-only\n  hash-type consistent"
ROUND_ROBIN = "balance roundrobin"
CONFIGURATION = """
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
  retries 3
  option redispatch 1
  option forwardfor

frontend all
  bind 127.0.0.1:{port}
  use_backend signalling if {{ path_beg /signalling/ }}
  default_backend others

backend others
  server others 127.0.0.1:{others}

backend signalling
  {balance}
  option httpchk GET /ready
  default-server check inter 200ms fall 1 rise 1
{servers}
"""


@asynccontextmanager
async def haproxy(
    folder: Path,
    port: int,
    others: int,
    instances: Iterable[tuple[int, int]],
    balance: str,
) -> AsyncIterator[None]:
    """`instances` are ports of signalling, for browsers and for operations each."""
    assert PROGRAM, MISSING
    servers = "\n".join(
        f"  server s{number} 127.0.0.1:{web} check port {ops}"
        for number, (web, ops) in enumerate(instances)
    )
    configuration = folder / "haproxy.cfg"
    configuration.write_text(
        CONFIGURATION.format(port=port, others=others, balance=balance, servers=servers)
    )
    program = programs.start(
        [PROGRAM, "-db", "-f", str(configuration)], folder / "haproxy.log"
    )
    try:
        await programs.until(lambda: programs.listens(port), program, READY_WITHIN)
        yield
    finally:
        await program.end()
