"""The way into a room: the lobby's word, written or signed, and a wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from chassis import sessions
from chassis.refusal import Unavailable
from chassis.sessions import KeySet, NoSession
from chassis.waiting import woken
from services.signalling.domain import Admission, Call, NotAdmitted, Person, side
from services.signalling.flows import Signalling
from services.signalling.news import News
from services.signalling.presence import Presences, of_this_call, somebody_connected
from services.signalling.rooms import Rooms

LOOK_EVERY = 2.0  # seconds: a wake-up may be lost with its connection


class SignedAdmission(sessions.Admission):
    """The lobby's word that a client shows, and when it was given."""

    iat: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """Someone may come in."""

    since: datetime
    call: Call | None
    elsewhere: Presences  # who is in the call on other instances


@dataclass(frozen=True, slots=True)
class Entrance:
    signalling: Signalling
    rooms: Rooms
    news: News
    keys: KeySet
    waiting_seconds: float
    elsewhere: Callable[[str], Awaitable[Presences]]

    async def pass_in(
        self, person: Person, token: str | None, say_waiting: Callable[[], None]
    ) -> Entry:
        """Wait for the lobby's word when it is still on its way.

        Raises `NotAdmitted`, `AppointmentCancelled`, `CallOver` and `Unavailable`.
        """
        word = await self._word(person, token)
        with self.news.about(person.appointment_id) as heard:
            entry = await self._look(person, word)
            if entry is not None:
                return entry
            say_waiting()
            try:
                async with asyncio.timeout(self.waiting_seconds):
                    return await self._wait(person, word, heard)
            except TimeoutError:
                raise NotAdmitted("You have not been let in.") from None

    async def _wait(
        self, person: Person, word: Admission | None, heard: asyncio.Event
    ) -> Entry:
        while True:
            await woken(heard, LOOK_EVERY)
            heard.clear()
            if entry := await self._look(person, word):
                return entry

    async def _look(self, person: Person, word: Admission | None) -> Entry | None:
        """With the database away, the lobby's fresh word and our own memory suffice.

        What they miss is looked at as soon as the database is back.
        """
        try:
            standing = await self.signalling.standing(person.appointment_id)
            if word and standing.order.knowing(word.slot) != standing.order:
                await self.signalling.learn(person.appointment_id, word.slot)
            elsewhere = await self.elsewhere(person.appointment_id)
        except Unavailable:
            since = word.at if word else self.rooms.admitted_since(person)
            if since is None:
                raise
            return Entry(since, None, {})
        alive = self.rooms.somebody_connected(person.appointment_id)
        if alive or somebody_connected(elsewhere):
            since = standing.where_somebody_is.admitted_since(person, word)
        else:
            since = standing.admitted_since(person, word)
        if since is None:
            return None
        return Entry(since, standing.call, of_this_call(elsewhere, standing.call))

    async def _word(self, person: Person, token: str | None) -> Admission | None:
        """That the lobby let this very person in. One that does not hold counts as none."""
        if token is None:
            return None
        try:
            said = await self.keys.check(token, SignedAdmission)
        except (NoSession, Unavailable):
            return None
        shown = (said.appointment, said.sub, said.role)
        fits = shown == (person.appointment_id, person.member, person.role)
        if not fits:
            return None
        return Admission(side(person.role), admitted=True, at=said.iat, slot=said.slot)
