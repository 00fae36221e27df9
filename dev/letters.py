"""A mail as it arrived: taken apart for the pages, and told in Mailpit's form."""

from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import getaddresses

Json = dict[str, object]
SNIPPET = 250


@dataclass(frozen=True)
class Part:
    """Whatever is neither the text nor the HTML of a mail."""

    id: str
    type: str
    name: str
    content: bytes = field(repr=False)

    def told(self) -> Json:
        return {
            "PartID": self.id,
            "FileName": self.name,
            "ContentType": self.type,
            "ContentID": "",
            "Size": len(self.content),
        }


@dataclass(frozen=True)
class Mail:
    """One mail. Nothing of it prints but its number."""

    id: str
    arrived: datetime
    message: EmailMessage = field(repr=False)
    raw: bytes = field(repr=False)

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "")

    @property
    def sender(self) -> str:
        return str(self.message["From"] or "")

    @property
    def to(self) -> str:
        return str(self.message["To"] or "")

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        return self._body("html")

    @property
    def attachments(self) -> tuple[Part, ...]:
        bodies = [self.message.get_body((kind,)) for kind in ("plain", "html")]
        return tuple(
            _part(number, each)
            for number, each in enumerate(self.message.walk())
            if not each.is_multipart() and each not in bodies
        )

    def summary(self) -> Json:
        """As one of Mailpit's `messages`."""
        return {
            **self._head(),
            "Created": self._time(),
            "Read": False,
            "Attachments": len(self.attachments),
            "Snippet": " ".join(self.text.split())[:SNIPPET],
        }

    def told(self) -> Json:
        """As Mailpit's `message`."""
        return {
            **self._head(),
            "Date": self._time(),
            "ReturnPath": _address(str(self.message["Return-Path"] or "")),
            "Text": self.text,
            "HTML": self.html,
            "Inline": [],
            "Attachments": [each.told() for each in self.attachments],
        }

    def headers(self) -> dict[str, list[str]]:
        names = dict.fromkeys(self.message.keys())
        return {
            name: [str(value) for value in self.message.get_all(name, [])]
            for name in names
        }

    def _head(self) -> Json:
        senders = self._addresses("From")
        return {
            "ID": self.id,
            "MessageID": str(self.message["Message-ID"] or "").strip("<>"),
            "From": senders[0] if senders else None,
            "To": self._addresses("To"),
            "Cc": self._addresses("Cc"),
            "Bcc": self._addresses("Bcc"),
            "ReplyTo": self._addresses("Reply-To"),
            "Subject": self.subject,
            "Tags": [],
            "Size": len(self.raw),
        }

    def _time(self) -> str:
        return self.arrived.isoformat().replace("+00:00", "Z")

    def _addresses(self, header: str) -> list[dict[str, str]]:
        values = [str(value) for value in self.message.get_all(header, [])]
        return [
            {"Name": name, "Address": address} for name, address in getaddresses(values)
        ]

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return "" if part is None else str(part.get_content())


def _address(value: str) -> str:
    return getaddresses([value])[0][1] if value else ""


def _part(number: int, part: EmailMessage) -> Part:
    content = part.get_payload(decode=True)
    return Part(
        str(number),
        part.get_content_type(),
        part.get_filename("") or "",
        content if isinstance(content, bytes) else b"",
    )
