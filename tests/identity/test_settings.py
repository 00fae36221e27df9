import pytest
from pydantic import ValidationError

from dev.suite import Surroundings
from tests.identity.conftest import settings

AROUND = Surroundings(
    url="https://video.example",
    idp_url="https://idp.example",
    kafka="kafka:9092",
    smtp_url="",
    databases=dict.fromkeys(
        ("invitation", "identity", "lobby", "notifier", "signalling"), "postgresql://"
    ),
)


@pytest.mark.parametrize(
    "level",
    [
        "http://ftn.ficora.fi/2017/loatest2",
        "urn:oid:1.2.246.517.3002.110.999",
        "http://ftn.ficora.fi/2017/loa2 urn:oid:1.2.246.517.3002.110.7",
    ],
)
def test_weak_levels_are_taken_only_where_test_persons_are(level: str) -> None:
    assert settings(AROUND, OIDC_ACR_VALUES=level).test_persons_allowed
    with pytest.raises(ValidationError, match="not strong"):
        settings(AROUND, OIDC_ACR_VALUES=level, TEST_PERSONS_ALLOWED="false")
    strong = "http://ftn.ficora.fi/2017/loa2 http://ftn.ficora.fi/2017/loa3"
    settings(AROUND, OIDC_ACR_VALUES=strong, TEST_PERSONS_ALLOWED="false")


def test_every_complaint_is_made_at_once_and_quotes_nothing() -> None:
    with pytest.raises(ValidationError) as wrong:
        settings(
            AROUND,
            NATIONAL_ID_SECRET="short-secret",
            OIDC_TOKEN_ENDPOINT="ftp://idp.example/token",
            GUARDIAN_AGE_LIMIT="19",
        )
    assert wrong.value.error_count() == 3
    assert "short-secret" not in str(wrong.value)


def test_no_secret_prints() -> None:
    made = settings(AROUND)
    for secret in (AROUND.secrets.national_id, AROUND.secrets.person):
        assert secret not in repr(made)
    assert "PRIVATE KEY" not in repr(made)
