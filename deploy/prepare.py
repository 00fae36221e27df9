"""What compose needs before its first start: `python -m deploy.prepare`.

Makes `.secrets/`, one folder for each container, and `.env` for the simulators of this
machine. What is there stays as it is, so it is safe to run before each start. A folder is
also what a Kubernetes Secret is made of: kubectl create secret generic lobby --from-file=.secrets/lobby
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from secrets import token_urlsafe

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from contract.catalogue import SERVICES

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "postgres:5432/videomottagning"
# Only the owner gets into the folder; what is mounted from it, a container's nobody reads.
FOLDER_MODE = 0o700
FILE_MODE = 0o444

Maker = Callable[[], str]

# For trying out on this machine. A browser and a container both find idp.localhost.
SIMULATORS = """\
# Made by deploy/prepare.py: this machine, with simulated identification.
# For a real installation see "One machine" in docs/operations.md.
COMPOSE_PROFILES=dev
PUBLIC_URL=http://localhost:8000
MAIL_FROM=videomottagning@example.com
TEST_PERSONS_ALLOWED=true
SMS_URL=http://idp:9000/sms
PLAIN_HTTP_ALLOWED=true
TURN_URLS=turn:localhost:3478?transport=udp
STUN_URLS=stun:localhost:3478
OIDC_ISSUER=http://idp.localhost:9000/suomifi
OIDC_CLIENT_ID=videomottagning
OIDC_AUTHORIZATION_ENDPOINT=http://idp.localhost:9000/suomifi/authorize
OIDC_TOKEN_ENDPOINT=http://idp.localhost:9000/suomifi/token
OIDC_JWKS_URL=http://idp.localhost:9000/suomifi/jwks
OIDC_ACR_VALUES=http://ftn.ficora.fi/2017/loatest2
STAFF_OIDC_ISSUER=http://idp.localhost:9000/staff
STAFF_OIDC_CLIENT_ID=videomottagning-staff
STAFF_OIDC_AUTHORIZATION_ENDPOINT=http://idp.localhost:9000/staff/authorize
STAFF_OIDC_TOKEN_ENDPOINT=http://idp.localhost:9000/staff/token
STAFF_OIDC_JWKS_URL=http://idp.localhost:9000/staff/jwks
"""


def secret() -> str:
    """256 random bits, in letters that need no quoting in an address."""
    return token_urlsafe(32)


def signing_key() -> str:
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def oidc_key() -> str:
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=3072))


def mailpit() -> str:
    return "smtp://mailpit:1025"


# Each service's own secrets, by the name of the setting.
OWN: Mapping[str, Mapping[str, Maker]] = {
    "invitation": {
        "link_secret": secret,
        "bounce_secret": secret,
        "smtp_url": mailpit,
    },
    "identity": {
        "national_id_secret": secret,
        "person_secret": secret,
        "session_key": signing_key,
        "oidc_signing_key": oidc_key,
        "oidc_encryption_key": oidc_key,
        "staff_oidc_signing_key": oidc_key,
    },
    "lobby": {"admission_key": signing_key},
    "notifier": {"smtp_url": mailpit, "vapid_key": signing_key},
    "signalling": {"turn_secret": secret},
}


def prepare(secrets: Path, env: Path) -> list[Path]:
    """Says what was made."""
    secrets.mkdir(mode=FOLDER_MODE, exist_ok=True)
    made = [
        *_fill(secrets / ".gitignore", lambda: "*\n"),
        *_fill(secrets / "postgres" / "password", secret),
        *_fill(secrets / "grafana" / "admin_password", secret),
    ]
    for service in SERVICES:
        made += _service(secrets, service)
    made += _fill(
        secrets / "coturn" / "turn_secret",
        (secrets / "signalling" / "turn_secret").read_text,
    )
    return made + _fill(env, lambda: SIMULATORS)


def _service(secrets: Path, service: str) -> list[Path]:
    """Its own secrets, and its password in two places: PostgreSQL's and its own."""
    password = secrets / "postgres" / service
    made = _fill(password, secret)
    for name, maker in OWN[service].items():
        made += _fill(secrets / service / name, maker)
    address = f"postgresql://{service}:{password.read_text()}@{DATABASE}"
    return made + _fill(secrets / service / "database_url", lambda: address)


def _fill(path: Path, maker: Maker) -> list[Path]:
    if path.exists():
        return []
    path.parent.mkdir(exist_ok=True)
    path.write_text(maker())
    path.chmod(FILE_MODE)
    return [path]


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    shape = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key.private_bytes(*shape).decode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--secrets", type=Path, default=ROOT / ".secrets")
    parser.add_argument("--env", type=Path, default=ROOT / ".env")
    given = parser.parse_args()
    for path in prepare(given.secrets, given.env):
        print(f"made {path}")  # noqa: T201 - it speaks to a person


if __name__ == "__main__":
    main()
