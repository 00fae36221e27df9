"""Doors for how somebody wants to be told: text messages, and push to a browser."""

from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Annotated, Literal

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicKey,
)
from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

from chassis.limits import Limit
from chassis.refusal import Refusal
from chassis.sessions import NoSession, StaffSession, Token, VisitSession
from chassis.web import Access, Doors, body, either, visit
from contract.booking import Language
from services.notifier.channels import Browser, Channels, Ways
from services.notifier.push import PushHosts

LONGEST_ENDPOINT = 1000
AUTH_BYTES = 16


class EndpointRefused(Refusal):
    """It is of no push service that we call."""

    code = "endpoint_refused"


def _endpoint(told: SecretStr) -> SecretStr:
    if len(told.get_secret_value()) > LONGEST_ENDPOINT:
        raise ValueError("is too long")
    return told


def _bytes(told: SecretStr) -> bytes:
    text = told.get_secret_value()
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _point(told: SecretStr) -> SecretStr:
    EllipticCurvePublicKey.from_encoded_point(SECP256R1(), _bytes(told))
    return told


def _auth(told: SecretStr) -> SecretStr:
    if len(_bytes(told)) != AUTH_BYTES:
        raise ValueError("must be 16 bytes")
    return told


class Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Keys(Shape):
    p256dh: Annotated[SecretStr, AfterValidator(_point)]
    auth: Annotated[SecretStr, AfterValidator(_auth)]


class Subscribed(Shape):
    """As `PushSubscription.toJSON()` has it, and the language of the page."""

    endpoint: Annotated[SecretStr, AfterValidator(_endpoint)]
    keys: Keys
    language: Language
    audience: Literal["visit", "staff"] | None = None
    "Which page asks, where one browser has sessions of both."


class Unsubscribed(Shape):
    endpoint: Annotated[SecretStr, AfterValidator(_endpoint)]


class Consent(Shape):
    text_messages: bool


def add_channel_doors(
    doors: Doors, channels: Channels, hosts: PushHosts, key: str, limit: Limit
) -> None:
    """`key`: ours, as browsers want it to subscribe."""

    @doors.get("/notifier/api/push/key", Access.PUBLIC)
    async def push_key(_: web.Request) -> web.Response:
        return web.json_response({"key": key})

    @doors.post("/notifier/api/push/subscription", Access.EITHER)
    async def subscribe(request: web.Request) -> web.Response:
        told = await body(request, Subscribed)
        session = _whose(either(request), told.audience)
        limit.take(session.sub)
        if not hosts.has(told.endpoint):
            raise EndpointRefused("We do not know this push service.")
        browser = Browser(
            told.endpoint, told.keys.p256dh, told.keys.auth, told.language
        )
        await channels.subscribe(session, browser)
        return web.Response(status=204)

    @doors.delete("/notifier/api/push/subscription", Access.EITHER)
    async def unsubscribe(request: web.Request) -> web.Response:
        told = await body(request, Unsubscribed)
        for session in either(request):
            await channels.unsubscribe(session.sub, told.endpoint)
        return web.Response(status=204)

    @doors.get("/notifier/api/visit/channels", Access.VISIT)
    async def ways(request: web.Request) -> web.Response:
        return web.json_response(_told(await channels.ways(visit(request))))

    @doors.put("/notifier/api/visit/consent", Access.VISIT)
    async def consent(request: web.Request) -> web.Response:
        told = await body(request, Consent)
        session = visit(request)
        limit.take(session.sub)
        ways = await channels.consent(session, texts=told.text_messages)
        return web.json_response(_told(ways))


def _whose(held: Sequence[Token], audience: str | None) -> VisitSession | StaffSession:
    """Raises `NoSession`."""
    for each in held:
        if isinstance(each, VisitSession | StaffSession) and audience in {
            None,
            each.kind,
        }:
            return each
    raise NoSession("You are not logged in.")


def _told(ways: Ways) -> dict[str, object]:
    return {
        "push": ways.push,
        "text_messages": {
            "possible": ways.texts_possible,
            "agreed": ways.texts_agreed,
            "ends_with": ways.ends_with,
        },
    }
