"""A TURN client as small as can be: asks for a relay, and whether it may reach a peer.

Source: RFC 8489 (STUN) and RFC 8656 (TURN). Only what the tests ask for, over UDP.
"""

import asyncio
import hmac
import secrets
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import md5, sha1
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

MAGIC: Final = 0x2112A442
ALLOCATE, CREATE_PERMISSION = 0x0003, 0x0008
SUCCESS = 0x0100
USERNAME, INTEGRITY, ERROR, PEER = 0x0006, 0x0008, 0x0009, 0x0012
REALM, NONCE, FAMILY, TRANSPORT = 0x0014, 0x0015, 0x0017, 0x0019
UDP = 17
FAMILIES = {4: 0x01, 6: 0x02}
PATIENCE = 5
AGAIN_AFTER = 0.5
OK = 0

Attributes = Mapping[int, bytes]


class Answers(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, _: object) -> None:
        self.queue.put_nowait(data)


@dataclass
class TurnClient:
    """One relay. `allocate` first; each answer is an error code, or 0."""

    username: str
    credential: str = field(repr=False)
    family: int = 4
    realm: bytes = b""
    nonce: bytes = b""

    async def connect(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._line, self._answers = await loop.create_datagram_endpoint(
            Answers, remote_addr=("127.0.0.1", port)
        )

    def close(self) -> None:
        self._line.close()

    async def allocate(self) -> int:
        wanted = {TRANSPORT: struct.pack("!B3x", UDP)}
        if self.family != 4:
            wanted[FAMILY] = struct.pack("!B3x", FAMILIES[self.family])
        # The first answer is an honest 401 that tells realm and nonce.
        _, told = await self._ask(ALLOCATE, _transaction(), wanted)
        self.realm, self.nonce = told[REALM], told[NONCE]
        return await self._code(ALLOCATE, _transaction(), wanted)

    async def permit(self, peer: str) -> int:
        transaction = _transaction()
        wanted = {PEER: _peer(ip_address(peer), transaction)}
        return await self._code(CREATE_PERMISSION, transaction, wanted)

    async def _code(
        self, method: int, transaction: bytes, attributes: Attributes
    ) -> int:
        kind, told = await self._ask(method, transaction, attributes)
        if kind == method | SUCCESS:
            return OK
        _, hundreds, rest = struct.unpack("!HBB", told[ERROR][:4])
        return int(hundreds * 100 + rest)

    async def _ask(
        self, method: int, transaction: bytes, attributes: Attributes
    ) -> tuple[int, Attributes]:
        message = self._message(method, transaction, attributes)
        async with asyncio.timeout(PATIENCE):
            while True:
                self._line.sendto(message)
                with suppress(TimeoutError):  # a datagram may be lost: RFC 8489, 6.2.1
                    async with asyncio.timeout(AGAIN_AFTER):
                        answer = await self._answer_to(transaction)
                        return _kind(answer), _attributes(answer[20:])

    async def _answer_to(self, transaction: bytes) -> bytes:
        while True:
            answer = await self._answers.queue.get()
            if answer[8:20] == transaction:
                return answer

    def _message(
        self, method: int, transaction: bytes, attributes: Attributes
    ) -> bytes:
        if not self.nonce:
            body = _packed(attributes)
            return _head(method, len(body), transaction) + body
        known = {USERNAME: self.username.encode(), REALM: self.realm, NONCE: self.nonce}
        body = _packed({**attributes, **known})
        # The proof covers a head that already counts the proof.
        head = _head(method, len(body) + 24, transaction)
        secret = f"{self.username}:{self.realm.decode()}:{self.credential}".encode()
        key = md5(secret, usedforsecurity=False).digest()  # as the RFC has it
        return head + body + _packed({INTEGRITY: hmac.digest(key, head + body, sha1)})


def _transaction() -> bytes:
    return secrets.token_bytes(12)


def _kind(answer: bytes) -> int:
    kind: int = struct.unpack("!H", answer[:2])[0]
    return kind


def _head(method: int, length: int, transaction: bytes) -> bytes:
    return struct.pack("!HHI", method, length, MAGIC) + transaction


def _packed(attributes: Attributes) -> bytes:
    return b"".join(
        struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)
        for kind, value in attributes.items()
    )


def _attributes(body: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at < len(body):
        kind, length = struct.unpack("!HH", body[at : at + 4])
        found[kind] = body[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
    return found


def _peer(address: IPv4Address | IPv6Address, transaction: bytes) -> bytes:
    """XOR-PEER-ADDRESS."""
    mask = struct.pack("!I", MAGIC) + transaction
    mixed = bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))
    return struct.pack("!xBH", FAMILIES[address.version], 9 ^ (MAGIC >> 16)) + mixed
