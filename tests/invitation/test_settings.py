"""What the service is told is checked before it starts."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.invitation.settings import Settings
from tests.invitation.test_signature import ED25519, pem

GIVEN: dict[str, Any] = {
    "database_url": "postgresql://invitation@db/videomottagning",
    "kafka_servers": "kafka:9092",
    "public_url": "https://visit.test",
    "session_keys_url": "https://visit.test/identity/jwks.json",
    "link_secret": "a secret that only these tests know",
    "smtp_url": "smtp://mail:25",
    "mail_from": "Testi <t@visit.test>",
}

SIGNED = {
    "dkim_domain": "visit.test",
    "dkim_selector": "video2026",
    "dkim_key": pem(ED25519).get_secret_value(),
}


def settings(**changes: Any) -> Settings:
    return Settings(**{**GIVEN, **changes})


def test_a_plain_start_needs_no_more() -> None:
    assert settings().smtp_connections == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"mail_from": "nobody"},
        {"mail_from": ""},
        {"smtp_url": "http://mail"},
        {"smtp_url": "smtp://mail:25?starttls"},
        {"link_secret": "short"},
        {"keep_appointments": "P1D"},
        {"bounce_address": "nobody"},
        {"bounce_address": "bounces+1@visit.test"},
        {"bounce_listen": "0.0.0.0:8024"},  # mail to which address?
        {"bounce_address": "bounces@visit.test", "bounce_listen": "8024"},
        {"bounce_secret": "short"},
        {"dkim_domain": "visit.test"},  # by which key?
        {**SIGNED, "dkim_key": "not a key"},
        {**SIGNED, "dkim_domain": "other.test"},
        {**SIGNED, "dkim_domain": "it.test"},  # ends alike, and is another
        {"remind_ahead": "PT0S"},
        {"remind_ahead": "tomorrow"},
        {"remind_quiet_from": "evening"},
    ],
)
def test_what_cannot_work_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_a_password_never_goes_in_the_clear() -> None:
    with pytest.raises(ValidationError, match="SMTP_TLS=required"):
        settings(smtp_url="smtp://user:word@mail:587")
    assert settings(smtp_url="smtps://user:word@mail")
    assert settings(smtp_url="smtp://user:word@mail:587", smtp_tls="required")


def test_reminders_are_set_by_comma_or_not_at_all() -> None:
    told = settings(remind_ahead="PT15M, P2D,P1D")
    days = (timedelta(days=2), timedelta(days=1), timedelta(minutes=15))
    assert told.remind_ahead == days
    assert settings(remind_ahead="").remind_ahead == ()


def test_e_mails_are_signed_when_all_that_is_needed_is_told() -> None:
    assert settings().signer() is None
    assert settings(**SIGNED).signer()
    assert settings(**SIGNED, mail_from="Testi <t@mail.visit.test>").signer()


def test_secrets_do_not_print() -> None:
    told = settings(smtp_url="smtps://user:word@mail")
    assert "word" not in repr(told)
    assert GIVEN["link_secret"] not in repr(told)
