"""The TURN server of deploy/ takes our credentials, and relays to public addresses alone."""

import secrets
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from chassis.clock import now
from dev import programs
from services.signalling.turn import Turn
from tests.deploy.manifests import ROOT
from tests.deploy.turn_client import OK, TurnClient

SERVER = shutil.which("turnserver")
CONFIGURATION = ROOT / "deploy" / "coturn" / "turnserver.conf"
OURS = ("listening-port", "min-port", "max-port", "pidfile", "userdb", "log-file")
FORBIDDEN, UNAUTHORIZED = 403, 401
SPECIAL = [
    *("0.0.0.0", "0.255.255.255", "10.0.0.1", "100.64.0.1", "127.0.0.1"),  # noqa: S104 - asked about, not listened on
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.168.1.1"),
    *("198.18.0.1", "198.19.255.255", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
]
PUBLIC = ["9.255.255.255", "11.0.0.1", "100.128.0.1", "172.32.0.1", "198.20.0.1"]
SPECIAL_6 = [
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "64:ff9b::7f00:1",
]
PUBLIC_6 = ["2001:14b8::1", "2a00:1d50::1"]

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs `apt-get install coturn`")


@pytest.fixture(scope="module")
def secret() -> SecretStr:
    return SecretStr(secrets.token_hex(16))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def port(
    secret: SecretStr, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[int]:
    """The server with its own configuration, on the loopback address of this machine."""
    home, port = tmp_path_factory.mktemp("coturn"), programs.free_port()
    (home / "turnserver.conf").write_text(configuration(home, port, secret))
    command = [str(SERVER), "-c", str(home / "turnserver.conf")]
    program = programs.start(command, home / "log")
    try:
        await programs.until(lambda: programs.listens(port), program, 10)
        yield port
    finally:
        await program.end()


def configuration(home: Path, port: int, secret: SecretStr) -> str:
    kept = [
        line
        for line in CONFIGURATION.read_text("utf-8").splitlines()
        if not line.startswith(OURS)
    ]
    here = [
        f"static-auth-secret={secret.get_secret_value()}",
        f"listening-port={port}",
        *("listening-ip=127.0.0.1", "relay-ip=127.0.0.1", "relay-ip=::1"),
        *("log-file=stdout", f"pidfile={home}/pid", f"userdb={home}/users"),
    ]
    return "\n".join([*kept, *here, ""])


def client(
    secret: SecretStr, family: int = 4, pseudonym: str = "someone"
) -> TurnClient:
    """With what a browser is given."""
    turn = Turn((), ("turn:127.0.0.1",), secret, timedelta(minutes=5), now)
    (given,) = turn.servers(pseudonym)
    return TurnClient(given["username"], given["credential"], family)


@pytest.mark.parametrize(("family", "peers"), [(4, SPECIAL), (6, SPECIAL_6)])
async def test_no_special_address_is_reached(
    port: int, secret: SecretStr, family: int, peers: list[str]
) -> None:
    asking = client(secret, family)
    await asking.connect(port)
    assert await asking.allocate() == OK
    answers = {peer: await asking.permit(peer) for peer in peers}
    asking.close()
    assert answers == dict.fromkeys(peers, FORBIDDEN)


@pytest.mark.parametrize(("family", "peers"), [(4, PUBLIC), (6, PUBLIC_6)])
async def test_public_addresses_are_reached(
    port: int, secret: SecretStr, family: int, peers: list[str]
) -> None:
    asking = client(secret, family)
    await asking.connect(port)
    assert await asking.allocate() == OK
    answers = {peer: await asking.permit(peer) for peer in peers}
    asking.close()
    assert answers == dict.fromkeys(peers, OK)


async def test_no_relay_without_our_credentials(port: int) -> None:
    stranger = client(SecretStr(secrets.token_hex(16)))
    await stranger.connect(port)
    assert await stranger.allocate() == UNAUTHORIZED
    stranger.close()


async def test_one_person_has_relays_for_a_call_and_not_for_a_flood(
    port: int, secret: SecretStr
) -> None:
    asking = [client(secret, pseudonym="greedy") for _ in range(14)]
    for each in asking:
        await each.connect(port)
    codes = [await each.allocate() for each in asking]
    for each in asking:
        each.close()
    assert codes == [OK] * 12 + [486] * 2  # Allocation Quota Reached
