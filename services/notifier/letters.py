"""E-mail to a unit's duty address: plain text, and nothing about anybody."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import parseaddr

from pydantic import SecretStr

from chassis.outcome import Never, Outcome, Reason
from chassis.smtp import Connection, Mail, NotAnAddress, mail_address
from contract.booking import Language
from services.notifier.message import Message
from services.notifier.messages import Claimed, StillHolds
from services.notifier.words import Wording
from services.notifier.writing import writing


class LetterSender:
    """`mail_from` as `Name <name@example.fi>`; `host` stands in the Message-ID."""

    def __init__(
        self, connection: Connection, wording: Wording, mail_from: str, host: str
    ) -> None:
        self._connection = connection
        self._wording = wording
        name, self._address = parseaddr(mail_from)
        self._sender = Address(name, addr_spec=self._address)
        self._host = host

    async def send(self, claimed: Claimed, still_holds: StillHolds) -> Outcome:
        duty = claimed.duty
        if duty is None or duty.email is None:
            return Never(Reason.NO_ADDRESS)
        with writing():
            try:
                mail = self.write(claimed.message, duty.email, duty.language)
            except NotAnAddress:
                return Never(Reason.ADDRESS_REFUSED)
        return await self._connection.hand_over(mail, still_holds)

    async def rest(self) -> None:
        await self._connection.hang_up()

    def write(self, message: Message, to: SecretStr, language: Language) -> Mail:
        """Raises `NotAnAddress`. Written twice, it is the same mail."""
        address = mail_address(to.get_secret_value())
        mail = EmailMessage(SMTP if address.addr_spec.isascii() else SMTPUTF8)
        subject = f"email_{message.subject}_subject"
        mail["From"] = self._sender
        mail["To"] = address
        mail["Subject"] = self._wording.say(subject, language, message)
        mail["Date"] = message.created_at
        mail["Message-ID"] = f"<{message.message_id}@{self._host}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers
        mail["X-Auto-Response-Suppress"] = "All"  # the same, to Exchange
        mail["Content-Language"] = language
        text = self._wording.say(f"email_{message.subject}", language, message)
        mail.set_content(text, cte="quoted-printable")
        return Mail(self._address, address.addr_spec, mail.as_bytes())
