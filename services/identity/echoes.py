"""Echoes: a way back that a browser walks again, by a reload, ends where it ended before.

A reload drops the answer to the first request, and with it the cookie, while the second
finds the attempt used. So what the first was answered is kept for a moment, sealed with the
secret in the browser's cookie and bound to all that it brought back. Nothing is redeemed
twice, and another browser hears nothing.
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chassis.clock import Clock
from chassis.database import Database
from services.identity import store
from services.identity.attempts import digest_of
from services.identity.domain import RELOAD_WITHIN, Attempt, NotOpened
from services.identity.seals import Seal
from services.identity.upstream import Returned

PURPOSE = "echo"
PATIENCE = 20.0  # seconds: longer than a provider is waited for
LOOK_EVERY = 0.2


class Told(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class Given(Told):
    """A cookie."""

    name: str
    value: str = Field(repr=False)
    until: datetime


class Landed(Told):
    """Where a browser is sent that has been to a provider, and the cookie it is given."""

    page: str = Field(repr=False)
    given: Given | None = None


@dataclass(frozen=True, slots=True)
class WayBack:
    """What a browser brought back, and the secret that it is known by."""

    returned: Returned = field(repr=False)
    browser: str = field(repr=False)

    @property
    def state(self) -> str:
        return self.returned.get("state", "")

    @property
    def whole(self) -> str:
        """With another code it is another way back, though the state is the same."""
        return json.dumps(sorted(self.returned.items()))

    @property
    def seal(self) -> Seal:
        return Seal(SecretStr(self.browser), PURPOSE)


@dataclass(frozen=True, slots=True)
class Echoes:
    database: Database
    clock: Clock

    async def keep(self, way: WayBack, landed: Landed) -> None:
        at = self.clock()
        sealed = way.seal.closed(landed.model_dump_json(), way.whole)
        async with self.database.writing() as tx:
            await store.forget_echoes(tx, at - RELOAD_WITHIN)
            await store.keep_echo(tx, way.state, digest_of(way.browser), sealed, at)

    async def of(self, way: WayBack, attempt: Attempt | None) -> Landed | None:
        """What this browser was answered; while that is being found out, it is waited for."""
        ours = digest_of(way.browser)
        if attempt is None or not attempt.was_just_used(ours, self.clock()):
            return None
        with suppress(TimeoutError, NotOpened):
            async with asyncio.timeout(PATIENCE):
                sealed = await self._kept(way.state)
            return Landed.model_validate_json(way.seal.opened(sealed, way.whole))
        return None

    async def _kept(self, state: str) -> bytes:
        while True:
            async with self.database.reading() as tx:
                sealed = await store.echo(tx, state)
            if sealed is not None:
                return sealed
            await asyncio.sleep(LOOK_EVERY)
