"""Debian's Postfix, an instance of our own: private configuration and queue, a free port.

It passes mail for `example.test` on to a next hop and mail for `visit.test` into a
letterbox, tries again within seconds, and is gone at the end; no service of the system
is touched. Its master wants to be root.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dev import programs

PROGRAM = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MISSING = "NO POSTFIX HERE: needs `apt-get install postfix`, and root to run it"

# Each row: a service, its kind, wake-up time, most processes, program and arguments.
MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """A running instance; `stop` and `start` keep its queue and port."""

    home: Path
    port: int

    @property
    def smtp_url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Returns when it listens."""
        await self._asked("start")

    async def stop(self) -> None:
        """Returns when its master, which we have not started ourselves, has ended."""
        await self._asked("stop")

    def log(self) -> str:
        return (self.home / "maillog").read_text(errors="replace")

    async def _asked(self, what: str) -> None:
        command = [str(PROGRAM), "-c", str(self.home / "config"), what]
        await programs.run(command, self.home / "log")


def missing() -> str | None:
    """What keeps it from running here."""
    return None if PROGRAM and os.geteuid() == 0 else MISSING


@asynccontextmanager
async def postfix(
    next_hop: str, letterbox: int, **settings: str
) -> AsyncIterator[Postfix]:
    """`next_hop` is an SMTP server's URL, `letterbox` a port that speaks LMTP."""
    if PROGRAM is None:
        raise programs.ProgramFailed(MISSING)
    with tempfile.TemporaryDirectory(prefix="videomottagning-postfix-") as folder:
        home, port = Path(folder), programs.free_port()
        told = _settings(home, urlsplit(next_hop).port or 25, letterbox)
        _furnish(home, port, {**told, **settings})
        made = Postfix(home, port)
        try:
            await made.start()
            yield made
        finally:
            await made.stop()


def _settings(home: Path, next_hop: int, letterbox: int) -> Mapping[str, str]:
    ways = (
        f"{{example.test = smtp:[127.0.0.1]:{next_hop}}}, "
        f"{{visit.test = lmtp:inet:127.0.0.1:{letterbox}}}"
    )
    return {
        "compatibility_level": "3.6",
        "queue_directory": str(home / "queue"),
        "data_directory": str(home / "data"),
        "maillog_file": str(home / "maillog"),
        "maillog_file_prefixes": str(home),
        "myhostname": "mail.visit.test",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "mynetworks": "127.0.0.0/8",
        "mydestination": "",
        "local_transport": "error:nobody lives here",
        "alias_maps": "",
        "alias_database": "",
        "local_recipient_maps": "",
        "relay_domains": "example.test, visit.test",
        "recipient_delimiter": "+",
        "transport_maps": f"inline:{{{ways}}}",
        "smtp_dns_support_level": "disabled",
        "smtpd_recipient_restrictions": "reject_unauth_destination",
        "smtpd_error_sleep_time": "0",
        "notify_classes": "",
        # A person would have minutes; a test has seconds.
        "queue_run_delay": "1s",
        "minimal_backoff_time": "1s",
        "maximal_backoff_time": "2s",
    }


def _furnish(home: Path, port: int, settings: Mapping[str, str]) -> None:
    home.chmod(0o755)  # its programs run as somebody else
    for each in ("config", "queue", "data"):
        (home / each).mkdir()
    shutil.chown(home / "data", "postfix")
    lines = [f"{key} = {value}\n" for key, value in settings.items()]
    (home / "config" / "main.cf").write_text("".join(lines))
    (home / "config" / "master.cf").write_text(MASTER.format(port=port))
