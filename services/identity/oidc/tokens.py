"""What is believed of what a provider says: nothing, until all of it holds."""

import math
from collections.abc import Mapping
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import ClaimError, InvalidClaimError
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from chassis.clock import Clock
from services.identity.domain import IdentificationFailed, NotOpened, Question, Why
from services.identity.oidc.keys import LEEWAY, UNREADABLE, ProviderKeys, Ring
from services.identity.oidc.profile import Profile

Claims = Mapping[str, Any]

FRESH = 600  # seconds a token may be old when it reaches us
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
JTI_LONGEST = 200
PARTS_OF_A_JWE = 5  # RFC 7516, 3.1


class Reader:
    """Opens, verifies and checks the tokens of one provider."""

    def __init__(
        self,
        profile: Profile,
        encryption: Ring | None,
        keys: ProviderKeys,
        clock: Clock,
    ) -> None:
        self._profile = profile
        self._encryption = encryption
        self._keys = keys
        self._clock = clock

    async def identified(self, token: str, question: Question) -> Claims:
        """The claims of an ID token. Raises `IdentificationFailed`."""
        claims = await self.verified(self._opened(token))
        rules = _Rules(self._profile, question, int(self._clock().timestamp()))
        checked(rules, claims)
        return claims

    async def logged_out(self, token: str) -> Claims:
        """The claims of a logout token. Raises `IdentificationFailed`."""
        claims = await self.verified(self._opened(token))
        checked(_LogoutRules(self._profile, int(self._clock().timestamp())), claims)
        return claims

    async def verified(self, token: str) -> Claims:
        """What the provider has signed, whatever it says."""
        algorithms = self._profile.algorithms
        agreed = JWSRegistry(
            algorithms=algorithms.signatures, strict_check_header=False
        )
        try:
            header = jws.extract_compact(token.encode()).headers()
            agreed.check_header(header)
            agreed.get_alg(header["alg"])
            key = await self._keys.key(header.get("kid"))
            return jwt.decode(token, key, registry=agreed).claims
        except UNREADABLE:
            raise IdentificationFailed(Why.NOT_VERIFIED) from None

    def _opened(self, token: str) -> str:
        """The signed token within the encrypted one, where encryption was agreed."""
        if self._encryption is None:
            return token
        if token.count(".") != PARTS_OF_A_JWE - 1:
            raise IdentificationFailed(Why.NOT_ENCRYPTED)
        try:
            return self._encryption.opened(token, self._profile.algorithms)
        except NotOpened:
            raise IdentificationFailed(Why.NOT_OPENED) from None


def checked(rules: JWTClaimsRegistry, claims: Claims) -> None:
    """Raises `IdentificationFailed`, which names the claim and never quotes it."""
    try:
        rules.validate(dict(claims))
    except ClaimError as wrong:
        raise IdentificationFailed(Why.WRONG_CLAIM, wrong.claim) from None


class Timed(JWTClaimsRegistry):
    """For us and for nobody else, and said a moment ago.

    The library lets what is absent pass, unless told that it is essential.
    """

    def validate_aud(self, value: object) -> None:
        super().validate_aud(value)
        if isinstance(value, list) and len(value) != 1:
            raise InvalidClaimError("aud")

    def validate_iat(self, value: object) -> None:
        super().validate_iat(value)
        self.check_age("iat", value, FRESH)

    def check_age(self, name: str, value: object, most: int) -> None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value):  # type: ignore[arg-type]
            raise InvalidClaimError(name)
        if not -self.leeway <= self.now - value <= most + self.leeway:  # type: ignore[operator]
            raise InvalidClaimError(name)


class _Rules(Timed):
    """What must stand in an ID token."""

    def __init__(self, profile: Profile, question: Question, at: int) -> None:
        super().__init__(
            now=at,
            leeway=LEEWAY,
            iss={"essential": True, "value": profile.issuer},
            aud={"essential": True, "value": profile.client_id},
            azp={"value": profile.client_id},
            nonce={"essential": True, "value": question.nonce},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            auth_time={"essential": True},
            acr={"essential": bool(profile.acr_values)},
        )
        self._max_age = profile.max_age
        self._levels = profile.acr_values

    def validate_acr(self, value: object) -> None:
        if self._levels and value not in self._levels:
            raise InvalidClaimError("acr")

    def validate_auth_time(self, value: object) -> None:
        self.check_age("auth_time", value, self._max_age)


class _LogoutRules(Timed):
    """What must stand in a logout token. Source: Back-Channel Logout 1.0, 2.4 and 2.6."""

    def __init__(self, profile: Profile, at: int) -> None:
        super().__init__(
            now=at,
            leeway=LEEWAY,
            iss={"essential": True, "value": profile.issuer},
            aud={"essential": True, "value": profile.client_id},
            iat={"essential": True},
            exp={"essential": True},
            jti={"essential": True},
            events={"essential": True},
        )

    def validate(self, claims: dict[str, Any]) -> None:
        super().validate(claims)
        named = [claims[each] for each in ("sub", "sid") if each in claims]
        if not named or not all(isinstance(each, str) and each for each in named):
            raise InvalidClaimError("sub")

    def validate_jti(self, value: object) -> None:
        if not isinstance(value, str) or len(value) > JTI_LONGEST:
            raise InvalidClaimError("jti")

    def validate_events(self, value: object) -> None:
        if not isinstance(value, dict) or not isinstance(value.get(LOGOUT), dict):
            raise InvalidClaimError("events")

    def validate_nonce(self, _: object) -> None:
        """With a nonce it could be taken for an ID token, or be one."""
        raise InvalidClaimError("nonce")
