"""Every key of identity's and of the providers' is changed while people log in."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from itertools import count, product
from pathlib import Path
from uuid import uuid4

from chassis.clock import now
from chassis.sessions import KeySet, StaffSession, VisitSession, fetching
from chassis.web import STAFF_COOKIE, VISIT_COOKIE
from contract.catalogue import topics
from contract.envelope import write
from contract.invitation import InvitationIssued
from deploy.prepare import oidc_key, signing_key
from dev import kafka as kafkas
from dev import postgres as postgreses
from dev import programs
from dev.booking import Booking, publish
from dev.idp.app import Provider, identity_provider
from dev.idp.visitor import choose
from dev.persons import person, professional
from dev.suite import Surroundings, told
from tests.chaos.fleet import Fleet, fleet
from tests.chassis import kafka as ears
from tests.identity.browser import Browser

LINK = "a-link-for-all-who-log-in-here"
AT_ONCE = 3  # logins in flight
EACH_PHASE = 12  # logins that are begun and ended in each phase, at least
PAUSE = 0.5  # seconds between one login and the next, for each of them
KEYS: Mapping[str, Callable[[], str]] = {
    "SESSION_KEY": signing_key,
    "OIDC_SIGNING_KEY": oidc_key,
    "OIDC_ENCRYPTION_KEY": oidc_key,
    "STAFF_OIDC_SIGNING_KEY": oidc_key,
}
Told = Mapping[str, str]


@dataclass
class Town:
    """Two instances of identity behind one address, and those who log in there."""

    around: Surroundings
    identity: Fleet
    provider: Provider
    phase: int = 0
    closing: bool = False
    logins: Counter[int] = field(default_factory=Counter)
    _one_more: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.lobby = self.verifier()  # another service, which runs all the while

    def verifier(self) -> KeySet:
        """As any other service checks sessions."""
        url = f"{self.around.url}/identity/jwks.json"
        return KeySet(fetching(url), self.around.url, now)

    async def rolls_out(self, keys: Told) -> None:
        """New instances with these keys, and at the same time new keys at the providers.

        The providers' next tokens are signed with keys that nobody has seen yet.
        """
        self.phase += 1
        await self.identity.replace(environment(self.around, keys))
        for issuer in (self.provider.suomifi, self.provider.staff):
            await asyncio.to_thread(issuer.keys.rotate)
        await self.has_logged_in()

    async def visitor(self) -> Browser:
        """A patient who has identified, and whose session is believed."""
        browser = Browser(self.around.url)
        back = await choose(await browser.login(LINK), "sv")
        assert await browser.lands(back) == "/visit"
        await self.believes(browser)
        return browser

    async def worker(self) -> Browser:
        """A professional who has logged in, and whose session is believed."""
        browser = Browser(self.around.url)
        back = await choose(await browser.staff_login(), "professional")
        assert await browser.lands(back) == "/staff"
        await self.believes(browser)
        return browser

    async def believes(self, *browsers: Browser) -> None:
        """By who has kept the key set, and by who has just come and asks for it."""
        for browser, keys in product(browsers, (self.lobby, self.verifier())):
            if token := browser.cookies.get(VISIT_COOKIE):
                await keys.check(token, VisitSession)
            else:
                await keys.check(browser.cookies[STAFF_COOKIE], StaffSession)

    async def renews(self, *browsers: Browser) -> None:
        """Their pages ask for another token, as they do at half a token's life."""
        for browser in browsers:
            way = "/identity" if VISIT_COOKIE in browser.cookies else "/identity/staff"
            answer = await browser.post(f"{way}/session", {})
            assert answer.status == 200, answer.said
        await self.believes(*browsers)

    @asynccontextmanager
    async def people_logging_in(self) -> AsyncIterator[None]:
        """Some at a time, until the block is left; whoever fails ends it."""
        async with asyncio.TaskGroup() as people:
            for _ in range(AT_ONCE):
                people.create_task(self._log_in())
            yield
            self.closing = True

    async def has_logged_in(self) -> None:
        """Enough have, who began in this phase."""
        while self.logins[self.phase] < EACH_PHASE:
            self._one_more.clear()
            await self._one_more.wait()

    async def _log_in(self) -> None:
        for number in count():
            if self.closing:
                return
            phase = self.phase
            await (self.visitor() if number % 2 else self.worker())
            self.logins[phase] += 1
            self._one_more.set()
            await asyncio.sleep(PAUSE)


def made() -> Told:
    return {name: make() for name, make in KEYS.items()}


def announced(old: Told, new: Told) -> Told:
    """The first roll-out of docs/identity.md, the second and the third after it."""
    return {**old, **{f"{name}_NEXT": key for name, key in new.items()}}


def used(old: Told, new: Told) -> Told:
    return {**new, **{f"{name}_BEFORE": key for name, key in old.items()}}


def environment(around: Surroundings, keys: Told) -> Told:
    return {**told(around)["identity"], **keys}


@asynccontextmanager
async def town(
    database: postgreses.Database, kafka: str, folder: Path, keys: Told
) -> AsyncIterator[Town]:
    """Both instances with these keys, and one appointment with a link for everybody."""
    await kafkas.create_topics(kafka, topics())
    port, idp = programs.free_port(), programs.free_port()
    around = Surroundings(
        url=f"http://127.0.0.1:{port}",
        idp_url=f"http://127.0.0.1:{idp}",
        kafka=kafka,
        smtp_url="",
        databases=database.services,
        more={"PROXIES": "1", "DRAIN_SECONDS": "20"},
    )
    async with (
        identity_provider(*around.clients(), port=idp) as provider,
        fleet("identity", port, folder) as identity,
    ):
        for _ in range(2):
            await identity.add(environment(around, keys))
        await booked(kafka)
        await ears.until(lambda: opens(around.url))
        yield Town(around, identity, provider)


async def booked(kafka: str) -> None:
    """One appointment for everybody, and the link to it."""
    at = now()
    patient, nurse = person("sv", at.date()), professional("professional")
    booking = Booking(f"keys-{uuid4()}", patient, nurse, at)
    await publish(kafka, [booking.said(at)])
    issued = InvitationIssued(
        appointment_id=booking.appointment_id,
        link_digest=sha256(LINK.encode()).hexdigest(),
        expires_at=at + timedelta(days=1),
    )
    said = write(issued.told_by("invitation", at))
    await ears.publish(kafka, said.topic, said.value, list(said.headers))


async def opens(url: str) -> bool:
    """Whether identity has heard of both."""
    asked = {"link": LINK, "language": "sv"}
    answer = await Browser(url).post("/identity/login", asked)
    return answer.status == 200


async def test_keys_are_rotated_while_people_log_in_and_no_login_fails(
    database: postgreses.Database, kafka: kafkas.Cluster, tmp_path: Path
) -> None:
    old, new = made(), made()
    async with town(database, kafka.servers, tmp_path, old) as here:
        early = [await here.visitor(), await here.worker()]
        async with here.people_logging_in():
            await here.has_logged_in()

            await here.rolls_out(announced(old, new))
            await here.believes(*early)

            await here.rolls_out(used(old, new))
            await here.believes(*early)
            await here.renews(*early)

            await here.rolls_out(new)
            await here.believes(*early)
            await here.renews(*early)
    assert len(here.logins) == 4
    assert min(here.logins.values()) >= EACH_PHASE
