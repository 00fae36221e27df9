"""Text messages, through whichever gateway speaks HTTP: settings say how to ask it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr

from chassis.outcome import Accepted, Never, Outcome, Reason
from contract.booking import Language
from services.notifier.gsm import parts
from services.notifier.http import Answer, Caller, outcome
from services.notifier.message import Message
from services.notifier.messages import Claimed, StillHolds
from services.notifier.metrics import SMS_PARTS
from services.notifier.phone import e164
from services.notifier.settings import BodyForm
from services.notifier.words import Wording
from services.notifier.writing import writing

LONGEST_REFERENCE = 200
PLACE = re.compile(r"\{(to|text|id|secret)\}")
TYPES = {
    BodyForm.JSON: "application/json",
    BodyForm.FORM: "application/x-www-form-urlencoded",
}


@dataclass(frozen=True, slots=True)
class Gateway:
    """How a gateway is asked, and where in its answer it says what it calls a message."""

    url: str
    method: str
    header: str
    secret: SecretStr | None
    form: BodyForm
    body: Mapping[str, Any]
    reference: str
    country: str

    @property
    def _said(self) -> str:
        return self.secret.get_secret_value() if self.secret else ""

    def headers(self) -> Mapping[str, str]:
        proof = {self.header: self._said} if self.header and self._said else {}
        return {**proof, "Content-Type": TYPES[self.form]}

    def filled(self, to: SecretStr, text: str, message_id: str) -> bytes:
        values = {"to": to.get_secret_value(), "text": text, "id": message_id}
        values["secret"] = self._said
        body = _filled(self.body, values)
        if self.form is BodyForm.FORM:
            return urlencode(body).encode()
        return json.dumps(body).encode()

    def reference_in(self, answer: Answer) -> str | None:
        """What lies at `reference` in a JSON answer, as in `messages.0.id`."""
        if not self.reference:
            return None
        try:
            found = json.loads(answer.body)
            for step in self.reference.split("."):
                found = found[int(step) if isinstance(found, list) else step]
        except (ValueError, LookupError, TypeError):
            return None
        reference = str(found)[:LONGEST_REFERENCE]
        return reference if reference.isprintable() else None  # it is kept and logged


class SmsSender:
    def __init__(
        self, gateway: Gateway | None, caller: Caller, wording: Wording
    ) -> None:
        self._gateway = gateway
        self._caller = caller
        self._wording = wording

    async def send(self, claimed: Claimed, _: StillHolds) -> Outcome:
        gateway = self._gateway
        told, language = _whom(claimed)
        if gateway is None:
            return Never(Reason.NO_ADDRESS)
        with writing():
            to = e164(told, gateway.country)
            if to is None:
                refused = Reason.ADDRESS_REFUSED if told else Reason.NO_ADDRESS
                return Never(refused)
            body = self._written(gateway, to, language, claimed.message)
        headers = gateway.headers()
        answer = await self._caller.ask(gateway.method, gateway.url, headers, body)
        if not isinstance(answer, Answer):
            return answer
        if answer.is_success:
            return Accepted(gateway.reference_in(answer))
        return outcome(answer)

    def _written(
        self, gateway: Gateway, to: SecretStr, language: Language, message: Message
    ) -> bytes:
        text = self._wording.say(f"sms_{message.subject}", language, message)
        SMS_PARTS.observe(parts(text))
        return gateway.filled(to, text, str(message.message_id))

    async def rest(self) -> None:
        await self._caller.rest()


def _whom(claimed: Claimed) -> tuple[SecretStr | None, Language]:
    if claimed.duty is not None:
        return claimed.duty.phone, claimed.duty.language
    contact = claimed.contact
    if contact is None or contact.language is None:
        return None, Language.FINNISH
    return contact.phone, contact.language


def _filled(told: Any, values: Mapping[str, str]) -> Any:
    """The values in the places of their names, inside of texts and never around them."""
    match told:
        case str():
            return PLACE.sub(lambda place: values[place[1]], told)
        case dict():
            return {name: _filled(each, values) for name, each in told.items()}
        case list():
            return [_filled(each, values) for each in told]
    return told
