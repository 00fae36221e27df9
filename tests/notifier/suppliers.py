"""Suppliers on this machine: they take what they are sent, or answer as a test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import Any

import http_ece
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02
from py_vapid.utils import b64urldecode, b64urlencode
from pydantic import SecretStr

from contract.booking import Language
from services.notifier.channels import Browser


@dataclass
class Asked:
    """One request, as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """How a supplier answers once. `lost`: it takes the message and hangs up.

    `piece`: it says its body in pieces of so many bytes. `cut`: and hangs up amid it.
    """

    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    lost: bool = False
    piece: int | None = None
    cut: bool = False


@dataclass
class Supplier:
    """Everything it was asked, oldest first."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    usually: Answer = field(default_factory=lambda: Answer(200, body='{"id": "g-1"}'))

    def will(self, *answers: Answer) -> None:
        """Answer so to the next ones, then as usual."""
        self.answers = list(answers)

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append(Asked(request.path, dict(request.headers), body))
        answer = self.answers.pop(0) if self.answers else self.usually
        if answer.lost:
            assert request.transport is not None
            request.transport.abort()
        if answer.piece:
            return await _in_pieces(request, answer, answer.piece)
        return web.Response(
            status=answer.status,
            headers=answer.headers,
            text=answer.body,
            content_type="application/json",
        )


async def _in_pieces(
    request: web.Request, answer: Answer, size: int
) -> web.StreamResponse:
    body = answer.body.encode()
    told = web.StreamResponse(status=answer.status, headers=dict(answer.headers))
    told.content_length = len(body) + answer.cut
    await told.prepare(request)
    for start in range(0, len(body), size):
        await told.write(body[start : start + size])
        await asyncio.sleep(0.001)  # a packet of its own
    if answer.cut:
        assert request.transport is not None
        request.transport.abort()
    else:
        await told.write_eof()
    return told


@asynccontextmanager
async def supplier() -> AsyncIterator[Supplier]:
    made = Supplier()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.take)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/")).rstrip("/")
        yield made


class PushingBrowser:
    """A browser that subscribed: it alone can read what is pushed to it."""

    def __init__(self, service: Supplier, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = token_bytes(16)
        self._service = service
        self.path = f"/push/{name}"

    @property
    def endpoint(self) -> str:
        return f"{self._service.url}{self.path}"

    def subscribed(self, language: Language = Language.SWEDISH) -> Browser:
        told = self.told(language)
        return Browser(
            endpoint=SecretStr(self.endpoint),
            p256dh=SecretStr(told["keys"]["p256dh"]),
            auth=SecretStr(told["keys"]["auth"]),
            language=language,
        )

    def told(self, language: Language = Language.SWEDISH) -> dict[str, Any]:
        """What a page posts."""
        point = self._key.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        keys = {"p256dh": b64urlencode(point), "auth": b64urlencode(self._auth)}
        return {"endpoint": self.endpoint, "keys": keys, "language": language}

    @property
    def asked(self) -> list[Asked]:
        return [each for each in self._service.asked if each.path == self.path]

    @property
    def shown(self) -> list[dict[str, Any]]:
        """What it could decrypt, oldest first."""
        return [self._read(each) for each in self.asked]

    def _read(self, asked: Asked) -> dict[str, Any]:
        assert asked.headers["Content-Encoding"] == "aes128gcm"
        plain = http_ece.decrypt(
            asked.body,
            private_key=self._key,
            auth_secret=self._auth,
            version="aes128gcm",
        )
        told: dict[str, Any] = json.loads(plain)
        return told


def proved(asked: Asked) -> tuple[dict[str, Any], str]:
    """The claims of a sender and its key, once the signature holds (RFC 8292)."""
    assert Vapid02.verify(asked.headers["Authorization"])
    fields = dict(
        each.split("=", 1)
        for each in asked.headers["Authorization"].removeprefix("vapid ").split(",")
    )
    claims: dict[str, Any] = json.loads(
        b64urldecode(fields["t"].split(".")[1].encode())
    )
    return claims, fields["k"]
