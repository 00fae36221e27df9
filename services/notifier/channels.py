"""By which ways somebody wants to be told, one transaction at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from pydantic import SecretStr

from chassis.clock import Clock
from chassis.database import Database, Writer
from chassis.refusal import Refusal
from chassis.sessions import StaffSession, VisitSession
from contract.booking import Language
from contract.identity import Role
from services.notifier import contact_store, store, subscription_store
from services.notifier.contact import Contact
from services.notifier.domain import Appointment, Audience
from services.notifier.notifications import WHOSE_TELEPHONE
from services.notifier.phone import e164
from services.notifier.subscription_store import Subscription

SHOWN_DIGITS = 2
BROWSERS = 10  # of one person


class NotYourTelephone(Refusal):
    """Only the patient, or who comes for a child, decides about the booking's number."""

    code = "not_your_telephone"


@dataclass(frozen=True, slots=True)
class Browser:
    """What a page got from its browser (W3C Push API)."""

    endpoint: SecretStr
    p256dh: SecretStr
    auth: SecretStr
    language: Language


@dataclass(frozen=True, slots=True)
class Ways:
    """How somebody can be told who is not at the page. `ends_with`: of the number."""

    push: bool
    texts_possible: bool
    texts_agreed: bool
    ends_with: str | None


@dataclass(frozen=True, slots=True)
class Channels:
    database: Database
    clock: Clock
    new_id: Callable[[], UUID]
    country: str
    texts: bool  # there is a gateway
    staff_kept: timedelta

    async def ways(self, session: VisitSession) -> Ways:
        async with self.database.reading() as tx:
            contact = await contact_store.contact(tx, session.appointment)
            browsers = await subscription_store.of_visit(
                tx, session.appointment, UUID(session.sub), self.clock()
            )
        return self._ways(session, contact, push=bool(browsers))

    async def consent(self, session: VisitSession, *, texts: bool) -> Ways:
        """The patient's own word counts, whatever the booking says or will say.

        Raises `NotYourTelephone`.
        """
        if session.role not in WHOSE_TELEPHONE:
            raise NotYourTelephone("Only the patient decides about text messages.")
        async with self.database.writing() as tx:
            await self._known(tx, session.appointment)
            await contact_store.choose(tx, session.appointment, texts=texts)
        return await self.ways(session)

    async def subscribe(
        self, session: VisitSession | StaffSession, browser: Browser
    ) -> None:
        """From now on this browser is told what whoever uses it is to hear."""
        if isinstance(session, VisitSession):
            await self._subscribe_visit(session, browser)
        else:
            await self._subscribe_staff(session, browser)

    async def _subscribe_visit(self, session: VisitSession, browser: Browser) -> None:
        async with self.database.writing() as tx:
            known = await self._known(tx, session.appointment)
            subscribed = Subscription(
                subscription_id=self.new_id(),
                audience=Audience.VISIT,
                person=session.sub,
                endpoint=browser.endpoint,
                p256dh=browser.p256dh,
                auth=browser.auth,
                language=browser.language,
                kept_until=known.kept_until,
                appointment_id=session.appointment,
            )
            await self._subscribe(tx, subscribed)

    async def _subscribe_staff(self, session: StaffSession, browser: Browser) -> None:
        """For as long as the page says so now and then: who has gone home hears nothing."""
        subscribed = Subscription(
            subscription_id=self.new_id(),
            audience=Audience.UNIT,
            person=session.sub,
            endpoint=browser.endpoint,
            p256dh=browser.p256dh,
            auth=browser.auth,
            language=browser.language,
            kept_until=self.clock() + self.staff_kept,
            units=session.units,
        )
        async with self.database.writing() as tx:
            await self._subscribe(tx, subscribed)

    async def unsubscribe(self, person: str, endpoint: SecretStr) -> None:
        async with self.database.writing() as tx:
            await subscription_store.drop_endpoint(tx, person, endpoint)

    async def _subscribe(self, tx: Writer, subscribed: Subscription) -> None:
        kept = await subscription_store.keep(tx, subscribed)
        await subscription_store.drop_others(tx, subscribed, kept, BROWSERS - 1)

    async def _known(self, tx: Writer, appointment_id: str) -> Appointment:
        """Whoever is at the page may be here before the booking is heard."""
        known = await store.appointment(tx, appointment_id)
        if known is None:
            known = Appointment.unheard(appointment_id, self.clock())
            await store.keep(tx, known)
        return known

    def _ways(self, session: VisitSession, contact: Contact, *, push: bool) -> Ways:
        number = e164(contact.phone, self.country)
        possible = self.texts and number is not None and _is_theirs(session)
        return Ways(
            push=push,
            texts_possible=possible,
            texts_agreed=possible and contact.agrees,
            ends_with=number.get_secret_value()[-SHOWN_DIGITS:]
            if number is not None and possible
            else None,
        )


def _is_theirs(session: VisitSession) -> bool:
    return Role(session.role) in WHOSE_TELEPHONE
