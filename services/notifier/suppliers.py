"""Who carries what: the senders of each channel, as the settings say."""

from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from urllib.parse import urlsplit

from chassis.clock import Clock
from chassis.smtp import Connection, MailServer
from services.notifier.courier import Sender
from services.notifier.http import Caller
from services.notifier.letters import LetterSender
from services.notifier.message import Channel
from services.notifier.push import Identity, PushHosts, PushSender
from services.notifier.settings import NotifierSettings
from services.notifier.sms import Gateway, SmsSender
from services.notifier.webhook import WebhookSender
from services.notifier.words import Wording


def identity(settings: NotifierSettings, clock: Clock) -> Identity:
    _, address = parseaddr(settings.mail_from)
    return Identity(settings.vapid_key, address, clock)


def push_hosts(settings: NotifierSettings) -> PushHosts:
    return PushHosts(settings.push_hosts, plain=settings.plain_http_allowed)


def senders(
    settings: NotifierSettings, wording: Wording, clock: Clock
) -> Mapping[Channel, Sequence[Sender]]:
    """Each with connections of its own."""

    def caller() -> Caller:
        return Caller(settings.supplier_seconds, clock)

    ours, hosts = identity(settings, clock), push_hosts(settings)
    server = MailServer.of(settings.smtp_url, settings.smtp_tls)
    host = urlsplit(settings.origin).hostname or "localhost"
    gateway = _gateway(settings)
    return {
        Channel.SMS: [
            SmsSender(gateway, caller(), wording)
            for _ in range(settings.sms_connections)
        ],
        Channel.PUSH: [
            PushSender(ours, hosts, caller(), wording, clock)
            for _ in range(settings.push_connections)
        ],
        Channel.EMAIL: [
            LetterSender(Connection(server), wording, settings.mail_from, host)
            for _ in range(settings.smtp_connections)
        ],
        Channel.WEBHOOK: [
            WebhookSender(caller(), clock) for _ in range(settings.webhook_connections)
        ],
    }


def _gateway(settings: NotifierSettings) -> Gateway | None:
    if settings.sms_url is None:
        return None
    return Gateway(
        url=settings.sms_url,
        method=settings.sms_method,
        header=settings.sms_header,
        secret=settings.sms_secret,
        form=settings.sms_form,
        body=settings.gateway_body,
        reference=settings.sms_reference,
        country=settings.sms_country,
    )
