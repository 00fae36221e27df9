"""A made-up Suomi.fi e-Authorizations: strict about who asks, to the byte, over real HTTP.

It reads the request line as it came, so an address that was written anew on its way does
not check. Written from DVV's description, and not from our client.
"""

import asyncio
import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import unquote

from aiohttp import web

from chassis.clock import Clock

CLIENT_ID, API_KEY = "ed4b7ae7", "3ba56df8-88b8-4805-9b04-2f8e7a61"
TOLERANCE = timedelta(minutes=5)
PREFIX = "/service/rest/hpa/authorization/"


@dataclass
class Register:
    """Whose guardian someone is; `instead` is answered whatever is asked."""

    clock: Clock
    guardians: set[tuple[str, str]] = field(default_factory=set)
    instead: web.Response | None = None
    piece: int | None = None  # bytes that are sent at a time
    asked: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{rest:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        told = request.headers.get("X-AsiointivaltuudetAuthorization", "")
        if not self._signed(request.raw_path, told):
            return web.Response(status=401)
        self.users.append(request.headers["X-userId"])
        self.asked.append(request.raw_path)
        if self.instead is not None:
            return self.instead
        whose = request.raw_path.removeprefix(PREFIX).partition("?")[0].split("/")
        client, guardian, child = map(unquote, whose)
        allowed = client == CLIENT_ID and (guardian, child) in self.guardians
        result = "ALLOWED" if allowed else "DISALLOWED"
        if self.piece:
            return await _in_pieces(request, {"result": result}, self.piece)
        return web.json_response({"result": result})

    def _signed(self, path: str, told: str) -> bool:
        client, stamp, checksum = [*told.split(" "), "", "", ""][:3]
        message = f"{path} {stamp}".encode()
        digest = hmac.new(API_KEY.encode(), message, hashlib.sha256).digest()
        return (
            client == CLIENT_ID
            and path.startswith(PREFIX)
            and "requestId=" in path
            and checksum == base64.b64encode(digest).decode()
            and abs(datetime.fromisoformat(stamp) - self.clock()) <= TOLERANCE
        )


async def _in_pieces(
    request: web.Request, told: dict[str, str], size: int
) -> web.StreamResponse:
    answer, body = web.StreamResponse(), json.dumps(told).encode()
    answer.content_type = "application/json"
    await answer.prepare(request)
    for start in range(0, len(body), size):
        await answer.write(body[start : start + size])
        await asyncio.sleep(0.001)  # a packet of its own
    await answer.write_eof()
    return answer
