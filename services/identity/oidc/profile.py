"""What was agreed with one provider. Nothing of it is learned at run time but keys."""

from dataclasses import dataclass

SIGNATURES = ("RS256", "PS256", "ES256")
KEY_ENCRYPTIONS = ("RSA-OAEP", "RSA-OAEP-256")
CONTENT_ENCRYPTIONS = ("A128CBC-HS256", "A128GCM", "A256GCM")
CANCELLED = frozenset({"access_denied", "cancel"})  # the second is OP's spelling


@dataclass(frozen=True, slots=True)
class Algorithms:
    """What is taken; anything else is not even tried."""

    signatures: tuple[str, ...] = SIGNATURES
    key_encryptions: tuple[str, ...] = KEY_ENCRYPTIONS
    content_encryptions: tuple[str, ...] = CONTENT_ENCRYPTIONS
    ours: str = "RS256"  # what we sign with

    @property
    def encryptions(self) -> tuple[str, ...]:
        return self.key_encryptions + self.content_encryptions


@dataclass(frozen=True, slots=True)
class Asking:
    """How a request goes, and what is asked in it."""

    pushed_to: str | None = None  # RFC 9126; None: by value, in the browser's address
    pkce: bool = True
    max_age: bool = True  # whether it is asked for; it is checked in any case
    prompt: str | None = None
    insists: bool = False  # the levels as a claim that must come, not only as a wish
    service_name: str | None = None  # ftn_spname; None: registered, or not wanted
    lasts: int = 300  # seconds


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider, and us as it knows us."""

    issuer: str
    client_id: str
    authorization_endpoint: str
    token_endpoint: str
    redirect_uri: str
    scope: str
    acr_values: tuple[str, ...]  # empty: any level
    max_age: int  # seconds since the person proved who they are
    asking: Asking = Asking()
    algorithms: Algorithms = Algorithms()
    cancelled: frozenset[str] = CANCELLED
    names_itself: bool = False  # RFC 9207: an answer without `iss` is not taken
    assertion_audience: str | None = None  # None: the token endpoint
    assertion_lasts: int = 60  # seconds
    end_session_endpoint: str | None = None
    after_logout: str | None = None  # where the provider sends the browser then
