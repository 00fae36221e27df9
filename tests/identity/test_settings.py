import pytest
from pydantic import ValidationError

from dev.suite import Surroundings, told
from services.identity.app import assemble
from services.identity.settings import Settings
from tests.identity.conftest import settings
from tests.identity.saml_provider import SETTINGS as SAML
from tests.identity.saml_provider import pem

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


PLAIN = {
    name: value
    for name, value in {**told(AROUND)["identity"]}.items()
    if name
    not in {
        *("OIDC_AUTHORIZATION_ENDPOINT", "OIDC_TOKEN_ENDPOINT", "OIDC_JWKS_URL"),
        *("OIDC_ACR_VALUES", "TEST_PERSONS_ALLOWED"),
    }
}
PINNED = '{"keys": [{"kty": "RSA", "kid": "e", "n": "AQAB", "e": "AQAB"}]}'


def ready(**said: str) -> Settings:
    values = {**PLAIN, "OIDC_ENTITY_KEYS": PINNED, **said}
    return Settings(**{name.lower(): value for name, value in values.items()})


def test_telia_is_ready_but_for_what_only_we_know() -> None:
    made = ready(OIDC_PROFILE="telia", OIDC_ISSUER="https://tunnistus-pp.telia.fi/uas")
    assert (made.oidc_authorization_endpoint, made.oidc_token_endpoint) == (
        "https://tunnistus-pp.telia.fi/uas/oauth2/authorization",
        "https://tunnistus-pp.telia.fi/uas/oauth2/token",
    )
    assert made.oidc_jwks_url == (
        "https://tunnistus-pp.telia.fi/openid_provider/signed_jwks.jwt"
    )
    assert made.oidc_acr_values == "http://ftn.ficora.fi/2017/loa2"
    assert (made.oidc_signatures, made.oidc_key_encryptions) == ("RS256", "RSA-OAEP")
    assert made.oidc_encryptions == "A128CBC-HS256"
    assert made.oidc_national_id_claim == "urn:oid:1.2.246.21"


def test_op_is_ready_but_for_what_only_we_know() -> None:
    made = ready(
        OIDC_PROFILE="op",
        OIDC_ISSUER="https://isb-test.op.fi",
        OIDC_SERVICE_NAME="Videovastaanotto",
    )
    assert made.oidc_authorization_endpoint == "https://isb-test.op.fi/oauth/authorize"
    assert made.oidc_jwks_url == "https://isb-test.op.fi/jwks/broker-signed"
    assert made.oidc_scope == "openid profile personal_identity_code"
    assert made.oidc_national_id_claim == "personal_identity_code"
    assert "cancel" in made.oidc_cancelled.split()
    assert made.oidc_ask_max_age is False


def test_what_is_set_wins_over_what_is_ready() -> None:
    made = ready(
        OIDC_PROFILE="telia",
        OIDC_ISSUER="https://idp.example",
        OIDC_TOKEN_ENDPOINT="https://idp.example/elsewhere",
        OIDC_SIGNATURES="PS256",
    )
    assert made.oidc_token_endpoint == "https://idp.example/elsewhere"
    assert made.oidc_signatures == "PS256"


@pytest.mark.parametrize("profile", ["telia", "op"])
def test_the_trust_network_takes_no_key_set_that_nobody_signed(profile: str) -> None:
    values = {
        **PLAIN,
        "OIDC_PROFILE": profile,
        "OIDC_ISSUER": "https://idp.example",
        "OIDC_SERVICE_NAME": "Videovastaanotto",
    }
    with pytest.raises(ValidationError, match="OIDC_ENTITY_KEYS"):
        Settings(**{name.lower(): value for name, value in values.items()})
    by_hand = {**values, "OIDC_JWKS": PINNED}
    Settings(**{name.lower(): value for name, value in by_hand.items()})


@pytest.mark.parametrize(
    "said",
    [
        {"OIDC_PROFILE": "nordea"},
        {"OIDC_PROFILE": "op"},  # without a name for the bank's app
        {"OIDC_SERVICE_NAME": "x" * 41},
        {"OIDC_SERVICE_NAME": "<b>Video</b>"},
        {"OIDC_SIGNATURES": "RS256 HS256"},
        {"OIDC_SIGNATURES": "none"},
        {"OIDC_KEY_ENCRYPTIONS": "RSA1_5"},
        {"OIDC_ENCRYPTIONS": "A128CBC"},
        {"OIDC_ENTITY_KEYS": '{"keys": []}'},
        {"OIDC_ENTITY_KEYS": '{"keys": [{"kty": "RSA", "d": "private"}]}'},
        {"OIDC_ENTITY_KEYS": "not JSON"},
        {"OIDC_ASSERTION_SECONDS": "601"},
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as wrong:
        ready(**{"OIDC_PROFILE": "telia", "OIDC_ISSUER": "https://i.example", **said})
    assert "private" not in str(wrong.value).replace("private_key", "")


def test_saml_says_all_that_it_misses_at_once_and_needs_nothing_of_oidc() -> None:
    with pytest.raises(ValidationError) as wrong:
        settings(AROUND, UPSTREAM="saml")
    assert "SAML_ENTITY_ID, SAML_PROVIDER_ENTITY_ID" in str(wrong.value)
    assert "SAML_CONTACT_EMAIL" in str(wrong.value)
    alone = {**told(AROUND)["identity"], **SAML}
    kept = ("OIDC_ENCRYPTION_KEY",)
    for name in [each for each in alone if each.startswith("OIDC_")]:
        if name not in kept:
            del alone[name]
    made = Settings(**{name.lower(): value for name, value in alone.items()})
    assert made.oidc_issuer is None
    assert "PRIVATE KEY" not in repr(made)


def test_oidc_says_all_that_it_misses_at_once() -> None:
    told_less = dict(told(AROUND)["identity"])
    del told_less["OIDC_ISSUER"], told_less["OIDC_CLIENT_ID"]
    with pytest.raises(ValidationError, match="OIDC_ISSUER, OIDC_CLIENT_ID"):
        Settings(**{name.lower(): value for name, value in told_less.items()})


def test_saml_takes_weak_levels_only_where_test_persons_are() -> None:
    test_tool = {"SAML_LEVELS": "urn:oid:1.2.246.517.3002.110.999"}
    assert settings(AROUND, **SAML, **test_tool)
    strict = {**SAML, "TEST_PERSONS_ALLOWED": "false", "OIDC_ACR_VALUES": "x"}
    assert settings(AROUND, **strict)
    with pytest.raises(ValidationError, match="SAML_LEVELS"):
        settings(AROUND, **strict, **test_tool)


@pytest.mark.parametrize(
    "name", ["SAML_SIGNING_CERTIFICATES", "SAML_ENCRYPTION_CERTIFICATES"]
)
def test_a_certificate_that_is_not_of_our_key_is_found_at_the_start(name: str) -> None:
    made = settings(AROUND, **{**SAML, name: pem("stranger")})
    with pytest.raises(TypeError, match="certificate"):
        assemble(made)
