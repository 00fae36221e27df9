"""The whole suite, a browser for each person, and short ways to say who does what.

Apache Kafka, PostgreSQL, SMTP, an identity provider on another site, and Chromium with
a made-up camera: nothing here is pretended but the persons.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import asyncpg
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page

from chassis.clock import Clock, now
from contract.catalogue import topics
from dev import kafka as kafkas
from dev import postgres as postgreses
from dev import programs
from dev.booking import Booking, Said, publish
from dev.idp.app import identity_provider
from dev.mailbox import Post, post_office
from dev.persons import Person, person, professional
from dev.suite import Surroundings, Told, in_one_process
from dev.texts import Text
from tests.journeys.people import Patient, Staff

PATIENCE = 10.0  # seconds
SCREENS = Path(__file__).parents[2] / "docs" / "screens"
LINK = re.compile(r"/v/([A-Za-z0-9_-]{22})")
OWN_WORDS = "Test: "  # what a professional writes begins so, to be found again
_numbers = count(1)


async def until(
    found: Callable[[], Awaitable[Any]], what: str, patience: float = PATIENCE
) -> Any:
    """The first thing found that is not nothing."""
    async with asyncio.timeout(patience):
        while True:
            if (thing := await found()) is not None:
                return thing
            await asyncio.sleep(0.1)
    raise AssertionError(what)


@dataclass(frozen=True)
class Suite:
    """The running suite and what is around it."""

    around: Surroundings
    post: Post
    services: dict[str, web.Application]
    browser: Browser
    used: set[str] = field(default_factory=set, repr=False)  # what must not be logged
    asked: list[str] = field(default_factory=list, repr=False)  # every address asked

    def booking(
        self,
        who: str,
        *,
        starts_in: timedelta = -timedelta(minutes=1),
        interpreter: str | None = None,
        texts: bool = False,
    ) -> Booking:
        """An appointment of this test person, at an address of its own."""
        number = next(_numbers)
        booking = Booking(
            f"journey-{number}",
            _with_own_address(who, number),
            professional("professional"),
            now() + starts_in,
            interpreter=_with_own_address(interpreter, number) if interpreter else None,
            texts=texts,
        )
        people = (booking.patient, booking.patient.guardian, booking.interpreter)
        for each in filter(None, people):
            code = each.national_id.get_secret_value()
            told = {code, each.name, each.surname, each.email.get_secret_value()}
            self.used.update(told, {each.phone.get_secret_value()})
        return booking

    def words(self, words: str) -> str:
        """A professional's own words, which must not be found elsewhere."""
        own = f"{OWN_WORDS}{words}"
        self.used.add(own)
        return own

    async def book(
        self,
        who: str,
        *,
        starts_in: timedelta = -timedelta(minutes=1),
        interpreter: str | None = None,
        texts: bool = False,
    ) -> Booking:
        """A booking system books, and says so on Kafka."""
        booking = self.booking(
            who, starts_in=starts_in, interpreter=interpreter, texts=texts
        )
        await self.say(booking.said(now()))
        return booking

    async def say(self, said: Said) -> None:
        await publish(self.around.kafka, [said])

    async def mails(
        self, booking: Booking, to_whom: Person | None = None
    ) -> list[dict[str, Any]]:
        """What has come to the patient's address, or another's, oldest first."""
        address = (to_whom or booking.patient).email.get_secret_value()
        async with aiohttp.ClientSession() as client:
            async with client.get(f"{self.post.url}/api/v1/messages") as answer:
                listed = (await answer.json())["messages"]
            mails = []
            for each in reversed(listed):
                if address in [to["Address"] for to in each["To"]]:
                    url = f"{self.post.url}/api/v1/message/{each['ID']}"
                    async with client.get(url) as answer:
                        mails.append(await answer.json())
        return mails

    async def mail(
        self, booking: Booking, number: int = 1, to_whom: Person | None = None
    ) -> dict[str, Any]:
        """The patient's first mail, or a later one or another's, when it has come."""

        async def come() -> dict[str, Any] | None:
            mails = await self.mails(booking, to_whom)
            return mails[number - 1] if len(mails) >= number else None

        found: dict[str, Any] = await until(come, "no mail came")
        return found

    async def texted(self, booking: Booking, since: int, words: str) -> Text:
        """The text message to the patient with these words, after the first so many."""
        number = booking.patient.phone.get_secret_value()

        async def come() -> Text | None:
            texts = self.post.texts.all  # newest first
            new = texts[: len(texts) - since]
            theirs = (each for each in new if each.to == number)
            return next((each for each in theirs if words in each.text), None)

        found: Text = await until(come, "no text message came")
        return found

    async def link(self, booking: Booking, to_whom: Person | None = None) -> str:
        """The link in the invitation, as the patient or another would open it."""
        text = (await self.mail(booking, to_whom=to_whom))["Text"]
        found = LINK.search(text)
        assert found, "no link in the mail"
        self.used.add(found[1])
        await self._opens(found[1])
        return next(str(word) for word in text.split() if found[1] in word)

    async def _opens(self, link: str) -> None:
        """Nobody opens a mail before Kafka has told identity of its link. A test could."""
        digest = sha256(link.encode()).hexdigest()
        database = await asyncpg.connect(self.around.databases["identity"])

        async def known() -> bool | None:
            found: bool | None = await database.fetchval(
                "SELECT true FROM link WHERE link_digest = $1", digest
            )
            return found

        try:
            await until(known, "the link is not known")
        finally:
            await database.close()

    async def context(self, language: str = "sv") -> BrowserContext:
        context = await self.browser.new_context(
            locale={"sv": "sv-FI", "fi": "fi-FI", "en": "en-GB"}[language],
            viewport={"width": 420, "height": 860},
        )
        context.on("request", lambda request: self.asked.append(request.url))
        return context

    async def patient(self, language: str = "sv") -> Patient:
        """Someone at a browser of their own."""
        page = await (await self.context(language)).new_page()
        return Patient(_watched(page), self.around.url)

    async def staff(self, who: str = "professional", language: str = "sv") -> Staff:
        """A professional who has logged in."""
        context = await self.context(language)
        page = await context.new_page()
        await page.set_viewport_size({"width": 1280, "height": 800})
        staff = Staff(_watched(page), self.around.url)
        await staff.log_in(who)
        return staff

    async def identified(self, booking: Booking, who: str) -> Patient:
        """Someone who has opened the link and identified, in the check view."""
        patient = await self.returned(booking, who)
        await patient.sees("check")
        return patient

    async def returned(self, booking: Booking, who: str) -> Patient:
        """Someone who has opened the link and been to the identity provider."""
        patient = await self.patient(booking.patient.language)
        await patient.open(await self.link(booking))
        await patient.identify(who)
        return patient


def _with_own_address(key: str, number: int) -> Person:
    """The test person as booked this once: mail to others is not theirs."""
    return replace(person(key, now().date()), key=f"{key}-{number}")


def _watched(page: Page) -> Page:
    """An error in a page's script is an error of the test."""

    def fail(error: Any) -> None:
        page.context.__dict__.setdefault("script_errors", []).append(str(error))

    page.on("pageerror", fail)
    return page


class Providers(Protocol):
    """Who identifies people in this run."""

    def told(self, around: Surroundings) -> Told:
        """What the services are told of them."""

    def open(self, around: Surroundings) -> AbstractAsyncContextManager[Any]:
        """Run them."""


class Simulated:
    """The demo's, which the services are told of in any case."""

    def told(self, _: Surroundings) -> Told:
        return {}

    def open(self, around: Surroundings) -> AbstractAsyncContextManager[Any]:
        port = urlsplit(around.idp_url).port or 0
        return identity_provider(*around.clients(), port=port)


@asynccontextmanager
async def running(
    server: postgreses.Server,
    kafka: str,
    browser: Browser,
    providers: Providers | None = None,
    clock: Clock = now,
    **more: str,
) -> AsyncIterator[Suite]:
    """The suite in one process, on a database of its own."""
    providers = providers or Simulated()
    port, ops, idp = (programs.free_port() for _ in range(3))
    async with (
        postgreses.fresh_database(server.admin) as database,
        post_office() as post,
    ):
        await kafkas.create_topics(kafka, topics())
        around = Surroundings(
            url=f"http://localhost:{port}",
            idp_url=f"http://127.0.0.1:{idp}",  # another site than localhost
            kafka=kafka,
            smtp_url=post.smtp_url,
            sms_url=post.sms_url,
            databases=database.services,
        )
        around = replace(around, more={**providers.told(around), **more})
        async with (
            providers.open(around),
            in_one_process(around, port, ops, clock) as services,
        ):
            yield Suite(around, post, dict(services), browser)


async def screen(page: Page, name: str) -> None:
    """A picture for the documentation, when pictures are asked for (SCREENS=1)."""
    if os.environ.get("SCREENS"):
        SCREENS.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=SCREENS / f"{name}.png")
