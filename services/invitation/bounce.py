"""What comes back: who an e-mail was from, as mail servers see it, and what they report.

Each e-mail leaves with an address of its own to come back to, and a report (RFC 3464)
is believed only about a delivery that it names: by the address it came to, by the
envelope's id (RFC 3461) or by the Message-ID of what it returns. All three are the
delivery's id: 122 random bits, which nobody has who has not had the e-mail.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, message_from_string
from email.message import Message
from email.utils import parseaddr
from enum import StrEnum
from uuid import UUID

from chassis.outcome import Reason
from chassis.smtp import reason_of

# RFC 6533 says the same of addresses in any alphabet; the parser knows the older names.
GLOBAL = re.compile(rb"\bmessage/global-(delivery-status)\b", re.IGNORECASE)
GLOBAL_HEADERS = re.compile(rb"\bmessage/global-headers\b", re.IGNORECASE)
GLOBAL_MESSAGE = re.compile(rb"\bmessage/global\b(?!-)", re.IGNORECASE)
STATUS = re.compile(r"\b([245])\.\d{1,3}\.\d{1,3}\b")
REPLY = re.compile(r"\b([45]\d\d)\b")
OTHER_STATUS = re.compile(r"[45]\.0\.0")  # "it is said elsewhere"
CAME_TO = ("Delivered-To", "X-Original-To", "To")
GOT_THROUGH = frozenset({"delivered", "relayed", "expanded"})


class Verdict(StrEnum):
    """What a report says of our e-mail. Only the first changes anything."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    COMPLAINT = "complaint"  # the reader calls it spam (RFC 5965)
    NO_REPORT = "no_report"  # an answer by a machine or a person, or not understood


@dataclass(frozen=True, slots=True)
class Report:
    verdict: Verdict
    delivery_id: UUID | None = None  # none when it is about nothing of ours
    reason: Reason | None = None  # when it failed


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """Where mail comes back to, as `bounces@example.fi`, told apart by delivery."""

    address: str = field(repr=False)

    def of(self, delivery_id: UUID) -> str:
        local, _, domain = self.address.rpartition("@")
        return f"{local}+{delivery_id.hex}@{domain}"

    def delivery(self, came_to: str) -> UUID | None:
        """Whose address this is; none when it is not ours."""
        before, _, rest = came_to.rpartition("+")
        mark, _, host = rest.partition("@")
        is_ours = f"{before}@{host}".lower() == self.address.lower()
        return _id(mark) if is_ours else None

    def takes(self, came_to: str) -> bool:
        """Whether it is ours; with no delivery in it, the report may still name one."""
        is_bare = came_to.lower() == self.address.lower()
        return is_bare or self.delivery(came_to) is not None


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads reports. `host` stands in our Message-IDs."""

    home: ReturnAddress
    host: str

    def read(self, raw: bytes, came_to: str | None = None) -> Report:
        """Never raises, whatever has come; `came_to` is the envelope's recipient."""
        try:
            return self._read(_parsed(raw), came_to)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return Report(Verdict.NO_REPORT)  # written to break a parser, or by one

    def _read(self, message: Message, came_to: str | None) -> Report:
        parts = _parts(message)
        if _one(parts, "message/feedback-report"):
            return Report(Verdict.COMPLAINT)
        status = _one(parts, "message/delivery-status")
        if status is None:
            return Report(Verdict.NO_REPORT)
        about, *recipients = _blocks(status)
        verdict, reason = _judged(recipients)
        named = set(self._named(message, about, parts, came_to))
        # Two names are one too many: somebody has put it together.
        return Report(verdict, named.pop() if len(named) == 1 else None, reason)

    def _named(
        self,
        message: Message,
        about: Message,
        parts: Sequence[Message],
        came_to: str | None,
    ) -> Iterator[UUID]:
        written = (str(message.get(each, "")) for each in CAME_TO)
        for address in (came_to or "", *(parseaddr(each)[1] for each in written)):
            if found := self.home.delivery(address):
                yield found
        if found := _id(str(about.get("Original-Envelope-Id", "")).strip()):
            yield found
        for returned in _returned(parts):
            if found := self._of_message_id(str(returned.get("Message-ID", ""))):
                yield found

    def _of_message_id(self, text: str) -> UUID | None:
        mark, _, host = text.strip().strip("<>").partition("@")
        return _id(mark) if host == self.host else None


def _parsed(raw: bytes) -> Message:
    plain = GLOBAL.sub(rb"message/\1", raw)
    plain = GLOBAL_HEADERS.sub(b"text/rfc822-headers", plain)
    return message_from_bytes(GLOBAL_MESSAGE.sub(b"message/rfc822", plain))


def _parts(message: Message) -> Sequence[Message]:
    """Of the report itself, and never of what it returns."""
    payload = message.get_payload()
    if message.get_content_maintype() != "multipart" or not isinstance(payload, list):
        return []
    return [each for each in payload if isinstance(each, Message)]


def _one(parts: Sequence[Message], kind: str) -> Message | None:
    return next((each for each in parts if each.get_content_type() == kind), None)


def _blocks(status: Message) -> list[Message]:
    """About the message, then about each recipient (RFC 3464, 2.1)."""
    payload = status.get_payload()
    blocks = payload if isinstance(payload, list) else []
    found = [each for each in blocks if isinstance(each, Message) and each.keys()]
    return found or [Message()]


def _returned(parts: Sequence[Message]) -> Iterator[Message]:
    for each in parts:
        payload = each.get_payload()
        if each.get_content_type() == "message/rfc822" and isinstance(payload, list):
            yield from (one for one in payload if isinstance(one, Message))
        if each.get_content_type() in {"text/rfc822-headers", "message/rfc822-headers"}:
            text = each.get_payload(decode=True)
            if isinstance(text, bytes):
                yield message_from_string(text.decode("utf-8", "replace"))


def _judged(recipients: Sequence[Message]) -> tuple[Verdict, Reason | None]:
    """One e-mail has one recipient; a list that passes it on may report on several."""
    actions = {_word(each.get("Action")): each for each in recipients}
    if GOT_THROUGH & actions.keys():
        return Verdict.DELIVERED, None
    if failed := actions.get("failed") or actions.get("error"):  # as OpenSMTPD says
        return Verdict.FAILED, _reason(failed)
    if "delayed" in actions:
        return Verdict.DELAYED, None
    return Verdict.NO_REPORT, None


def _word(action: object) -> str:
    """Some put a comment behind it."""
    return (str(action or "").split() or [""])[0].strip(";").lower()


def _reason(block: Message) -> Reason:
    """The other server's own code when the reporting one has none to give."""
    said = str(block.get("Diagnostic-Code", ""))
    status = STATUS.search(str(block.get("Status", "")))
    if status is None or OTHER_STATUS.fullmatch(status.group()):
        told = STATUS.search(said) or REPLY.search(said)
        status = told or status
    return reason_of(status.group()) if status else Reason.MESSAGE_REFUSED


def _id(text: str) -> UUID | None:
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if text.lower() in {found.hex, str(found)} else None
