"""What a client states under its signature: a request, and who it is.

Sources: OpenID Connect Core 1.0 (9, private_key_jwt), RFC 9101 (request objects),
RFC 7636 (PKCE), and the limits that Telia and OP publish for the Finnish Trust Network.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from chassis.clock import Clock
from dev.idp.once import Seen
from dev.idp.refusal import Claims, Refused

REQUEST_LIFETIME = timedelta(minutes=10)
ASSERTION_LIFETIME = timedelta(minutes=60)
LEEWAY = timedelta(seconds=5)
CHALLENGE_LENGTH = 43  # BASE64URL of a SHA-256
LANGUAGES = ("sv", "fi", "en")


@dataclass(frozen=True)
class Asked:
    """An authorization request that holds."""

    redirect_uri: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    challenge: str = field(repr=False)
    language: str


class Statements:
    """Checks what clients state to one issuer."""

    def __init__(self, client_id: str, clock: Clock) -> None:
        self._client_id = client_id
        self._clock = clock
        self._requests = Seen(clock)
        self._assertions = Seen(clock)

    def request(self, claims: Claims, issuer: str) -> Asked:
        """The request in these claims; the signature and redirect_uri held already."""
        self._expect(claims, "iss", [self._client_id], "invalid_request_object")
        self._expect(claims, "aud", [issuer], "invalid_request_object")
        self._in_time(claims, REQUEST_LIFETIME, "invalid_request_object")
        if "jti" in claims:
            self._first(claims, self._requests, "invalid_request_object")
        self._expect(claims, "response_type", ["code"], "unsupported_response_type")
        if "openid" not in _words(claims, "scope"):
            raise Refused("invalid_scope", "The scope must contain openid.")
        self._expect(claims, "code_challenge_method", ["S256"], "invalid_request")
        challenge = _text(claims, "code_challenge")
        if len(challenge) != CHALLENGE_LENGTH:
            raise Refused("invalid_request", "The code_challenge is no SHA-256.")
        return Asked(
            redirect_uri=_text(claims, "redirect_uri"),
            state=_text(claims, "state"),
            nonce=_text(claims, "nonce"),
            challenge=challenge,
            language=_language(_words(claims, "ui_locales")),
        )

    def assertion(self, claims: Claims, token_endpoint: str) -> None:
        """Refuses unless the client has proved who it is."""
        self._expect(claims, "iss", [self._client_id], "invalid_client")
        self._expect(claims, "sub", [self._client_id], "invalid_client")
        self._expect(claims, "aud", [token_endpoint], "invalid_client")
        self._in_time(claims, ASSERTION_LIFETIME, "invalid_client")
        self._first(claims, self._assertions, "invalid_client")

    def _expect(
        self, claims: Claims, name: str, allowed: Sequence[str], code: str
    ) -> None:
        value = claims.get(name)
        single = value[0] if isinstance(value, list) and len(value) == 1 else value
        if single not in allowed:
            raise Refused(code, f"The claim {name} is not what it must be.")

    def _in_time(self, claims: Claims, lifetime: timedelta, code: str) -> None:
        now = self._clock()
        latest = (now + lifetime + LEEWAY).timestamp()
        expires, starts = claims.get("exp"), claims.get("nbf", 0)
        if not isinstance(expires, int | float) or expires > latest:
            raise Refused(code, "The claim exp is missing or too far away.")
        if expires <= now.timestamp():
            raise Refused(code, "The statement has expired.")
        if not isinstance(starts, int | float) or starts > (now + LEEWAY).timestamp():
            raise Refused(code, "The statement is not valid yet.")

    def _first(self, claims: Claims, seen: Seen, code: str) -> None:
        jti = claims.get("jti")
        if not isinstance(jti, str) or not seen.is_new(jti, claims["exp"]):
            raise Refused(code, "The claim jti is missing, or has been used.")


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise Refused("invalid_request", f"The claim {name} is missing.")
    return value


def _words(claims: Claims, name: str) -> list[str]:
    value = claims.get(name, "")
    return value.split() if isinstance(value, str) else []


def _language(wanted: Sequence[str]) -> str:
    return next((each for each in wanted if each in LANGUAGES), LANGUAGES[0])
