"""The letterbox: the county's mail server puts in what came back, by LMTP or SMTP.

It takes mail to our own return address and to nobody else, one recipient at a time (so
that SMTP's one answer is LMTP's too, RFC 2033), and answers 451 while the database is
away: the mail server keeps the report and comes again.
"""

import asyncio
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from chassis.logs import trouble
from chassis.refusal import Unavailable
from services.invitation.bounce import ReturnAddress
from services.invitation.returns import Returns

LARGEST = 1024 * 1024  # a report on one of our mails, returned whole
SILENCE = 60.0  # seconds a mail server may say nothing
SESSIONS = 20
TAKEN = "250 2.0.0 Taken"
NOT_OURS = "550 5.1.1 Nobody here has that address"
ONE_AT_A_TIME = "452 4.5.3 One recipient at a time"
COME_AGAIN = "451 4.3.0 Not now, come again"
FULL = b"421 4.3.2 Too many at once\r\n"


class Slot:
    """One session; aiosmtpd calls these by name."""

    def __init__(self, returns: Returns, home: ReturnAddress) -> None:
        self._returns = returns
        self._home = home

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if not self._home.takes(address):
            return NOT_OURS
        if envelope.rcpt_tos:
            return ONE_AT_A_TIME
        envelope.rcpt_tos.append(address)
        return TAKEN

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope
    ) -> str:
        raw = envelope.content
        assert isinstance(raw, bytes)  # noqa: S101 - as asked for: decode_data is off
        try:
            await self._returns.take(raw, envelope.rcpt_tos[0])
        except Unavailable:
            return COME_AGAIN
        return TAKEN

    async def handle_exception(self, error: Exception) -> str:
        """aiosmtpd's own answer would quote the error."""
        self._returns.log.error("A report was not taken.", **trouble(error))
        return COME_AGAIN


class Speaker(SMTP):
    """SMTP that answers to LMTP's greeting as well, and is counted while it is open."""

    def __init__(self, slot: Slot, counted: set[asyncio.BaseTransport]) -> None:
        super().__init__(
            slot,
            data_size_limit=LARGEST,
            enable_SMTPUTF8=True,
            hostname="invitation",
            ident="Videomottagning",
            timeout=SILENCE,
            loop=asyncio.get_running_loop(),
        )
        self._counted = counted
        self._mine: asyncio.BaseTransport | None = None

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, hostname: str) -> None:  # noqa: N802 - aiosmtpd's name
        await self.smtp_EHLO(hostname)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._mine = transport
        self._counted.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._counted.discard(self._mine)
        super().connection_lost(error)


class Full(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        transport.write(FULL)
        transport.close()


class Letterbox:
    def __init__(self, returns: Returns, home: ReturnAddress, listen: str) -> None:
        self._slot = Slot(returns, home)
        self._host, _, port = listen.rpartition(":")
        self._port = int(port)
        self._open: set[asyncio.BaseTransport] = set()

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        # A server that serves at once is left open by whoever is cancelled just then.
        server = await loop.create_server(
            self._answer, self._host, self._port, start_serving=False
        )
        try:
            await server.start_serving()
            await asyncio.Event().wait()
        finally:
            server.close()
            for each in self._open:
                each.close()

    def _answer(self) -> asyncio.Protocol:
        is_full = len(self._open) >= SESSIONS
        return Full() if is_full else Speaker(self._slot, self._open)
