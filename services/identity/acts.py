"""Acts: a guardian has identified, and has not yet said that they act for the child.

Who they are waits sealed with a key that nothing but their browser's cookie holds; the
table alone tells nothing, and neither does the cookie. Each is taken once.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256

from pydantic import SecretStr

from chassis.clock import Clock
from chassis.database import Reader, Writer
from services.identity import store
from services.identity.domain import (
    Act,
    IdentificationExpired,
    NotOpened,
    Person,
)
from services.identity.seals import Seal
from services.identity.session import Upstream

PURPOSE = "act"


@dataclass(frozen=True, slots=True)
class Asked:
    """A guardian is asked whether they act for the child; the browser brings this back."""

    secret: SecretStr


@dataclass(frozen=True, slots=True)
class Acts:
    clock: Clock
    chance: Callable[[], str]

    async def ask(self, tx: Writer, appointment_id: str, person: Person) -> Asked:
        secret = SecretStr(self.chance())
        sealed = Seal(secret, PURPOSE).closed(_written(person), appointment_id)
        await store.keep_act(tx, _digest(secret), appointment_id, sealed, self.clock())
        return Asked(secret)

    async def take(self, tx: Writer, secret: SecretStr) -> Act:
        """Nobody can take it again. Raises `IdentificationExpired`."""
        row = await store.take_act(tx, _digest(secret))
        if row is None:
            raise IdentificationExpired
        try:
            text = Seal(secret, PURPOSE).opened(row["sealed"], row["appointment_id"])
        except NotOpened:
            raise IdentificationExpired from None
        act = Act(row["appointment_id"], _read(text), row["begun_at"])
        act.check_fresh(self.clock())
        return act

    async def waits(self, tx: Reader, secret: SecretStr, appointment_id: str) -> bool:
        """Whether this browser's guardian is still to answer for this appointment."""
        return await store.act_about(tx, _digest(secret)) == appointment_id


def _digest(secret: SecretStr) -> bytes:
    return sha256(secret.get_secret_value().encode()).digest()


def _written(person: Person) -> str:
    code, born = person.national_id, person.birth_date
    return json.dumps(
        {
            "national_id": code and code.get_secret_value(),
            "name": person.name.get_secret_value(),
            "birth_date": born and born.isoformat(),
            "method": person.method,
            "upstream": person.upstream and asdict(person.upstream),
        }
    )


def _read(text: str) -> Person:
    told = json.loads(text)
    code, born, upstream = told["national_id"], told["birth_date"], told["upstream"]
    return Person(
        national_id=SecretStr(code) if code else None,
        name=SecretStr(told["name"]),
        birth_date=date.fromisoformat(born) if born else None,
        method=told["method"],
        upstream=Upstream(**upstream) if upstream else None,
    )
