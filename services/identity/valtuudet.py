"""Suomi.fi e-Authorizations (Valtuudet), on behalf of a person, asked without its pages.

It weighs custody, non-disclosure and agreements, and answers yes or no; the why is told to
nobody. Its address has both personal identity codes in it, so no address of it is ever
logged, raised or kept. Source: DVV, the Web API and the REST API of e-Authorizations.
"""

import hmac
import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from urllib.parse import quote
from uuid import UUID

import aiohttp
from pydantic import SecretStr
from yarl import URL

from chassis.answers import whole
from chassis.clock import Clock
from chassis.logs import Log
from services.identity import metrics
from services.identity.domain import Attendee, GuardianNotConfirmed, NotOpened
from services.identity.guardians import Claim
from services.identity.seals import Seal

ANSWER_SECONDS = 10
LONGEST = 4096  # bytes of an answer; a yes has some forty
OK, UNAUTHORIZED = 200, 401


class Answer(StrEnum):
    """What came of asking: for operations."""

    ALLOWED = "allowed"
    DISALLOWED = "disallowed"
    NO_CODE = "no_code"  # the child's code is not, or no longer, kept
    NO_ANSWER = "no_answer"
    KEY_REFUSED = "key_refused"
    NOT_UNDERSTOOD = "not_understood"


@dataclass(frozen=True, slots=True)
class Service:
    """We, as e-Authorizations has us on file. `url` is its origin, without a path."""

    url: str
    client_id: str
    api_key: SecretStr = field(repr=False)
    patience: float = ANSWER_SECONDS


def authorization(service: Service, path: str, stamp: str) -> str:
    """The header that signs `path`, all that follows the host, to the byte."""
    key = service.api_key.get_secret_value().encode()
    checksum = hmac.digest(key, f"{path} {stamp}".encode(), sha256)
    return f"{service.client_id} {stamp} {b64encode(checksum).decode()}"


class Valtuudet:
    """Behind the port `Guardianship`. Whatever is not a plain yes is a no."""

    def __init__(
        self,
        service: Service,
        seal: Seal,
        clock: Clock,
        new_id: Callable[[], UUID],
        log: Log,
    ) -> None:
        self._service = service
        self._seal = seal
        self._clock = clock
        self._new_id = new_id
        self._log = log
        self._timeout = aiohttp.ClientTimeout(total=service.patience)

    def unlisted(self, someone: Attendee) -> Attendee:
        """The booking need not know the guardians."""
        return someone

    def check_heard(self) -> None:
        """Everyone is."""

    async def confirm(self, claim: Claim) -> None:
        answer = await self._answer(claim)
        metrics.GUARDIANS.labels(answer).inc()
        if answer is not Answer.ALLOWED:
            about = {"appointment_id": claim.appointment_id, "answer": answer}
            self._log.info("A guardian was not confirmed.", **about)
            raise GuardianNotConfirmed("The guardian was not confirmed.")

    async def _answer(self, claim: Claim) -> Answer:
        if claim.child.sealed is None:
            return Answer.NO_CODE
        try:
            child = self._seal.opened(claim.child.sealed, claim.appointment_id)
        except NotOpened:
            return Answer.NO_CODE
        return await self._asked(self._path(claim.guardian.text, child), claim.who)

    def _path(self, guardian: str, child: str) -> str:
        """Percent-encoded once, and then neither read nor written anew."""
        whose = "/".join(
            quote(each, safe="") for each in (self._service.client_id, guardian, child)
        )
        return f"/service/rest/hpa/authorization/{whose}?requestId={self._new_id()}"

    async def _asked(self, path: str, who: str) -> Answer:
        stamp = self._clock().isoformat()
        headers = {
            "X-AsiointivaltuudetAuthorization": authorization(
                self._service, path, stamp
            ),
            "X-userId": who,
        }
        url = URL(self._service.url + path, encoded=True)  # the bytes that were signed
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as client,
                client.get(url, headers=headers, allow_redirects=False) as answer,
            ):
                return await _understood(answer)
        except (aiohttp.ClientError, TimeoutError):
            return Answer.NO_ANSWER


def _result(text: bytes) -> object:
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told.get("result") if isinstance(told, dict) else None


async def _understood(answer: aiohttp.ClientResponse) -> Answer:
    if answer.status == UNAUTHORIZED:
        return Answer.KEY_REFUSED
    if answer.status != OK:
        return Answer.NO_ANSWER
    text = await whole(answer.content, LONGEST)
    match _result(text):
        case "ALLOWED":
            return Answer.ALLOWED
        case "DISALLOWED":
            return Answer.DISALLOWED
        case _:
            return Answer.NOT_UNDERSTOOD
