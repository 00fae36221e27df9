"""The audit: who did what for which appointment, by ids, in a chain of hashes.

Each line is written in the transaction of its deed, after the line before it. Whoever
changes, removes or puts in a line breaks the chain there. A chain that somebody rewrote
whole, or cut short, is found by a head that was noted elsewhere: services log theirs.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from chassis.database import Reader, Writer

NOTHING = bytes(32)  # before the first line
AT_ONCE = 1000
SEALED = "sealed"


@dataclass(frozen=True, slots=True)
class Line:
    """`who` did it, a person's or a professional's id; `whom` it was done to."""

    at: datetime
    what: str
    who: str | None = None
    whom: str | None = None
    appointment_id: str | None = None
    code: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A line in its place."""

    audit_id: int
    line: Line
    before: bytes
    hash: bytes

    def told(self) -> dict[str, Any]:
        """As the command says it: what there is, and no hashes."""
        said = {name: value for name, value in asdict(self.line).items() if value}
        return {"number": self.audit_id, **said, "at": _moment(self.line.at)}


@dataclass(frozen=True, slots=True)
class Head:
    """The newest line, or the seal when there is none."""

    number: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.hash.hex()}"


class Broken(Exception):
    """The chain does not hold at this line."""

    def __init__(self, number: int) -> None:
        super().__init__(f"The chain does not hold at line {number}.")
        self.number = number


async def write(tx: Writer, line: Line) -> None:
    """One after the other: the lock is held until the deed is committed."""
    await _turn(tx)
    last = await head(tx)
    number = last.number + 1
    await tx.execute(
        """
        INSERT INTO audit (audit_id, at, what, who, whom, appointment_id, code, role,
                           before, hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        number,
        line.at,
        line.what,
        line.who,
        line.whom,
        line.appointment_id,
        line.code,
        line.role,
        last.hash,
        hash_of(number, line, last.hash),
    )


def hash_of(number: int, line: Line, before: bytes) -> bytes:
    told = [
        number,
        _moment(line.at),
        line.what,
        line.who,
        line.whom,
        line.appointment_id,
        line.code,
        line.role,
    ]
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return sha256(before + text.encode()).digest()


async def head(tx: Reader) -> Head:
    row = await tx.fetchrow(
        """
        SELECT audit_id, hash FROM audit
         UNION ALL
        SELECT audit_id, hash FROM audit_seal
         ORDER BY audit_id DESC
         LIMIT 1
        """
    )
    return Head(row["audit_id"], row["hash"]) if row else Head(0, NOTHING)


async def of_appointment(tx: Reader, appointment_id: str) -> Sequence[Kept]:
    rows = await tx.fetch(
        """
        SELECT audit_id, at, what, who, whom, appointment_id, code, role, before, hash
          FROM audit
         WHERE appointment_id = $1
         ORDER BY audit_id
        """,
        appointment_id,
    )
    return [_kept(row) for row in rows]


async def of_person(tx: Reader, person: str) -> Sequence[Kept]:
    """What they did, and what was done to them."""
    rows = await tx.fetch(
        """
        SELECT audit_id, at, what, who, whom, appointment_id, code, role, before, hash
          FROM audit
         WHERE who = $1 OR whom = $1
         ORDER BY audit_id
        """,
        person,
    )
    return [_kept(row) for row in rows]


async def verify(tx: Reader, noted: Head | None = None) -> Head:
    """The head of a chain that holds, and on which `noted` lies. Raises `Broken`."""
    last = await _seal(tx)
    sealed, named = last, not last.number
    found = noted is None or noted in (last, Head(0, NOTHING))
    async for kept in _all(tx):
        _check(kept, last)
        last = Head(kept.audit_id, kept.hash)
        named = named or _names(kept.line, sealed)
        found = found or noted == last
    if not named:
        raise Broken(sealed.number)
    if noted is not None and not found:
        raise Broken(noted.number)
    return last


async def seal(tx: Writer, before: datetime, at: datetime) -> int:
    """Let go of the lines from before this; how many. The chain says that it was done."""
    await _turn(tx)
    row = await tx.fetchrow(
        """
        SELECT audit_id, hash
          FROM audit
         WHERE audit_id < (SELECT min(audit_id) FROM audit WHERE at >= $1)
         ORDER BY audit_id DESC
         LIMIT 1
        """,
        before,
    )
    if row is None:
        return 0
    sealed = Head(row["audit_id"], row["hash"])
    await write(tx, Line(at, SEALED, code=str(sealed)))
    await tx.execute(
        "INSERT INTO audit_seal (audit_id, hash, sealed_at) VALUES ($1, $2, $3)",
        sealed.number,
        sealed.hash,
        at,
    )
    gone = await tx.execute("DELETE FROM audit WHERE audit_id <= $1", sealed.number)
    return int(gone.rpartition(" ")[2])


async def _turn(tx: Writer) -> None:
    await tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema || '/audit', 0))"
    )


async def _seal(tx: Reader) -> Head:
    row = await tx.fetchrow(
        "SELECT audit_id, hash FROM audit_seal ORDER BY audit_id DESC LIMIT 1"
    )
    return Head(row["audit_id"], row["hash"]) if row else Head(0, NOTHING)


async def _all(tx: Reader) -> AsyncIterator[Kept]:
    """Line by line, some at a time."""
    reached = -1
    while True:
        rows = await tx.fetch(
            """
            SELECT audit_id, at, what, who, whom, appointment_id, code, role, before,
                   hash
              FROM audit
             WHERE audit_id > $1
             ORDER BY audit_id
             LIMIT $2
            """,
            reached,
            AT_ONCE,
        )
        for row in rows:
            yield _kept(row)
        if not rows:
            return
        reached = rows[-1]["audit_id"]


def _check(kept: Kept, last: Head) -> None:
    follows = (kept.audit_id, kept.before) == (last.number + 1, last.hash)
    if not follows or kept.hash != hash_of(kept.audit_id, kept.line, kept.before):
        raise Broken(kept.audit_id)


def _names(line: Line, sealed: Head) -> bool:
    """A seal that the chain does not know was forged, to hide what it took away."""
    return line.what == SEALED and line.code == str(sealed)


def _kept(row: Any) -> Kept:
    line = Line(
        row["at"],
        row["what"],
        row["who"],
        row["whom"],
        row["appointment_id"],
        row["code"],
        row["role"],
    )
    return Kept(row["audit_id"], line, row["before"], row["hash"])


def _moment(at: datetime) -> str:
    """Always in UTC and to the microsecond: what is hashed must not depend on a zone."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
