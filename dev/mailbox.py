"""A mail server that keeps what it gets, a page to read it, and Mailpit's API form.

Text messages arrive there too (dev/texts.py).

The last thousand mails are kept, in memory. `refuse` lets a test answer as a mail
server in trouble does: it gets the recipient's address and returns an SMTP answer
(`451 try later`, `550 nobody here`), or None to take the mail. `before_answer` is waited
for between having the mail and saying so.
"""

import asyncio
import email
import email.policy
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from chassis.clock import Clock, now
from dev import programs
from dev.letters import Mail
from dev.site import HEADERS, STYLE, Pages, serve, style
from dev.texts import Texts

KEPT = 1000
LARGEST = 2 * 1024 * 1024
TAKEN = "250 OK"

Refuse = Callable[[str], str | None]
Wait = Callable[[], Awaitable[None]]


def _take_all(_: str) -> str | None:
    return None


async def _at_once() -> None:
    return None


class Mailbox:
    """What arrived, newest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._mails: deque[Mail] = deque(maxlen=KEPT)
        self._arrival = asyncio.Condition()

    @property
    def mails(self) -> tuple[Mail, ...]:
        return tuple(self._mails)

    async def put(self, raw: bytes) -> None:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        async with self._arrival:
            self._mails.appendleft(Mail(uuid4().hex, self._clock(), message, raw))
            self._arrival.notify_all()

    async def until(self, enough: Callable[[tuple[Mail, ...]], bool]) -> None:
        """Wait for the mails to be as wanted; the caller sets the time limit."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: enough(self.mails))

    def find(self, number: str) -> Mail:
        """Raises HTTPNotFound: only pages ask by number."""
        found = next((each for each in self._mails if each.id == number), None)
        if found is None:
            raise web.HTTPNotFound
        return found

    def clear(self) -> None:
        self._mails.clear()


@dataclass(frozen=True)
class Post:
    """A running mailbox and its addresses."""

    mailbox: Mailbox
    texts: Texts
    smtp_url: str
    url: str

    @property
    def sms_url(self) -> str:
        """Where the gateway for text messages is."""
        return f"{self.url}/sms"


@asynccontextmanager
async def post_office(
    *,
    web_port: int = 0,
    smtp_port: int = 0,
    refuse: Refuse = _take_all,
    before_answer: Wait = _at_once,
    clock: Clock = now,
    texts: Texts | None = None,
) -> AsyncIterator[Post]:
    """A mail server and its pages on 127.0.0.1; a port of 0 is any free one."""
    mailbox = Mailbox(clock)
    texts = texts or Texts(clock)
    web_port = web_port or programs.free_port()
    smtp_port = smtp_port or programs.free_port()
    door = _Door(mailbox, refuse, before_answer)
    async with (
        _smtp(door, smtp_port),
        serve(application(mailbox, texts), web_port),
    ):
        yield Post(
            mailbox,
            texts,
            f"smtp://127.0.0.1:{smtp_port}",
            f"http://127.0.0.1:{web_port}",
        )


class _Door:
    """aiosmtpd calls these by name."""

    def __init__(self, mailbox: Mailbox, refuse: Refuse, before_answer: Wait) -> None:
        self._mailbox = mailbox
        self._refuse = refuse
        self._before_answer = before_answer

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if answer := self._refuse(address):
            return answer
        envelope.rcpt_tos.append(address)
        return TAKEN

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope
    ) -> str:
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        # As whoever delivers at last writes it (RFC 5321, 4.4).
        await self._mailbox.put(b"Return-Path: <%s>\r\n" % _from(envelope) + raw)
        await self._before_answer()
        return TAKEN


def _from(envelope: Envelope) -> bytes:
    return (envelope.mail_from or "").encode()


@asynccontextmanager
async def _smtp(door: _Door, port: int) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    sessions: list[SMTP] = []

    def answer() -> SMTP:
        sessions.append(_session(door, loop))
        return sessions[-1]

    server = await loop.create_server(answer, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        for each in sessions:
            if each.transport is not None:
                each.transport.close()
        await server.wait_closed()


def _session(door: _Door, loop: asyncio.AbstractEventLoop) -> SMTP:
    return SMTP(
        door,
        data_size_limit=LARGEST,
        enable_SMTPUTF8=True,
        hostname="mailbox.example",
        ident="Mailbox of the demo",
        loop=loop,
    )


def application(mailbox: Mailbox, texts: Texts) -> web.Application:
    """The pages, and the part of Mailpit's API that programs use."""
    doors = _Doors(mailbox, texts)
    app = web.Application()
    app.add_routes(
        [
            web.get("/", doors.all),
            web.get("/demo.css", style),
            web.get("/mail/{id}", doors.one),
            web.get("/mail/{id}/html", doors.html),
            web.post("/sms", texts.take),
            web.get("/api/v1/texts", texts.list),
            web.delete("/api/v1/texts", texts.clear),
            web.get("/api/v1/messages", doors.messages),
            web.delete("/api/v1/messages", doors.delete),
            web.get("/api/v1/message/{id}", doors.message),
            web.get("/api/v1/message/{id}/headers", doors.headers),
            web.get("/api/v1/message/{id}/raw", doors.raw),
            web.get("/api/v1/message/{id}/part/{part}", doors.part),
        ]
    )
    return app


class _Doors:
    def __init__(self, mailbox: Mailbox, texts: Texts) -> None:
        self._mailbox = mailbox
        self._texts = texts
        self._pages = Pages(STYLE.parent)

    def _asked(self, request: web.Request) -> Mail:
        return self._mailbox.find(request.match_info["id"])

    async def all(self, _: web.Request) -> web.Response:
        values = {
            "language": "en",
            "mails": self._mailbox.mails,
            "texts": self._texts.all,
        }
        return self._pages.show("mails.html", values)

    async def one(self, request: web.Request) -> web.Response:
        values = {"language": "en", "mail": self._asked(request)}
        return self._pages.show("mail.html", values)

    async def html(self, request: web.Request) -> web.Response:
        """What a stranger wrote: it may show itself and open links, nothing else."""
        policy = (
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
            "sandbox allow-popups allow-popups-to-escape-sandbox"
        )
        return web.Response(
            text=f'<base target="_blank">{self._asked(request).html}',
            content_type="text/html",
            headers={**HEADERS, "Content-Security-Policy": policy},
        )

    async def messages(self, request: web.Request) -> web.Response:
        start, limit = (_number(request, "start", 0), _number(request, "limit", 50))
        mails = self._mailbox.mails
        shown = [each.summary() for each in mails[start : start + limit]]
        told: dict[str, Any] = {
            "total": len(mails),
            "unread": len(mails),
            "count": len(shown),
            "messages_count": len(mails),
            "messages_unread": len(mails),
            "start": start,
            "tags": [],
            "messages": shown,
        }
        return web.json_response(told)

    async def delete(self, _: web.Request) -> web.Response:
        self._mailbox.clear()
        return web.Response(text="ok")

    async def message(self, request: web.Request) -> web.Response:
        return web.json_response(self._asked(request).told())

    async def headers(self, request: web.Request) -> web.Response:
        return web.json_response(self._asked(request).headers())

    async def raw(self, request: web.Request) -> web.Response:
        return web.Response(body=self._asked(request).raw, content_type="text/plain")

    async def part(self, request: web.Request) -> web.Response:
        wanted = request.match_info["part"]
        for each in self._asked(request).attachments:
            if each.id == wanted:
                return web.Response(body=each.content, content_type=each.type)
        raise web.HTTPNotFound


def _number(request: web.Request, name: str, otherwise: int) -> int:
    value = request.query.get(name, "")
    return int(value) if value.isdecimal() else otherwise
