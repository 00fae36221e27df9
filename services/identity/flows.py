"""What identity does, one transaction at a time. Read this page first.

Visits   a patient, a guardian or a companion identifies for one appointment

Who is expected stands in appointments.py, what a guardian says in acting.py, and a
professional's log-in in staff_flows.py.
"""

from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from pydantic import SecretStr

from chassis.clock import Clock
from chassis.database import Database, Reader, Writer
from chassis.logs import Log
from chassis.outbox import Outbox
from chassis.refusal import Refusal, Unavailable
from chassis.sessions import VisitSession
from contract.identity import PatientIdentified, Role
from services.identity import metrics, store
from services.identity.acts import Acts, Asked
from services.identity.attempts import Attempts, count, reason
from services.identity.domain import (
    COMPANIONS,
    FINLAND,
    Appointment,
    Attempt,
    Attendee,
    IdentificationFailed,
    Link,
    LinkUnknown,
    NoPersonalCode,
    Note,
    Person,
    Purpose,
    Question,
    What,
    Why,
)
from services.identity.guardians import Guardianship
from services.identity.national_id import NationalId, NotAPersonalCode
from services.identity.pseudonyms import Register
from services.identity.session import Session
from services.identity.sessions import Entrance, Sessions
from services.identity.upstream import Returned, Upstream


@dataclass(frozen=True, slots=True)
class Visits:
    """A patient or a guardian identifies for one appointment."""

    database: Database
    outbox: Outbox
    clock: Clock
    log: Log
    attempts: Attempts
    upstream: Upstream[Person]
    register: Register
    sessions: Sessions
    age_limit: int
    guardians: Guardianship
    acts: Acts

    async def begin(self, link: SecretStr, language: str, browser: str) -> str:
        """Where to send the browser.

        Raises `LinkUnknown`, `AppointmentIsCancelled` or `AppointmentIsOver`.
        """
        at = self.clock()
        digest = sha256(link.get_secret_value().encode()).hexdigest()
        async with self.database.writing() as tx:
            opens = await self._link(tx, digest)
            appointment = _heard(await store.hold(tx, opens.appointment_id))
            appointment.check_open(at)
            question = await self.attempts.begin(
                tx,
                Purpose.VISIT,
                browser,
                appointment_id=opens.appointment_id,
                link_digest=digest,
            )
        return await self._sent(question, language)

    async def enter(self, returned: Returned, browser: str) -> Entrance | Asked:
        """Someone came back: let them in, ask a guardian, or refuse; each is noted.

        No transaction is open while the provider is asked.
        """
        async with self.database.writing() as tx:
            attempt = await self.attempts.use(tx, [Purpose.VISIT], browser, returned)
        appointment_id, who = attempt.appointment_id or "", None
        try:
            person = await self.upstream.identified(returned, attempt.question)
            code = self.code(person)
            who = self.person_id(appointment_id, code)
            return await self._received(attempt, person, code)
        except Refusal as no:
            await self.refused(appointment_id, who, no)
            raise

    async def _sent(self, question: Question, language: str) -> str:
        """A provider that takes no request is not the person's fault."""
        try:
            return await self.upstream.location(question, language)
        except IdentificationFailed as no:
            count(metrics.IDENTIFICATIONS, no)
            self.log.warning("The provider took no request.", **reason(no))
            raise Unavailable("The provider took no request.") from None

    async def _link(self, tx: Reader, digest: str) -> Link:
        """What the link opens now. Raises `LinkUnknown`."""
        link = await store.link(tx, digest, self.clock())
        if link is None:
            raise LinkUnknown("This link opens nothing.")
        return link

    async def _received(
        self, attempt: Attempt, person: Person, code: NationalId
    ) -> Entrance | Asked:
        """A guardian comes no further without an act of their own."""
        async with self.database.writing() as tx:
            appointment, attendee = await self._who(tx, attempt, code)
            if attendee.role is Role.GUARDIAN:
                self.guardians.check_heard()
                return await self.acts.ask(tx, appointment.appointment_id, person)
            said, session = await self._entered(tx, appointment, attendee, person)
        return self._entrance(session, said)

    async def _who(
        self, tx: Writer, attempt: Attempt, code: NationalId
    ) -> tuple[Appointment, Attendee]:
        """The link says whether a companion came, or who belongs to the patient."""
        appointment_id, role = attempt.appointment_id or "", None
        if attempt.link_digest is not None:
            role = (await self._link(tx, attempt.link_digest)).companion
        if role is None:
            return await self._expected(tx, appointment_id, code)
        return await self._accompanying(tx, appointment_id, code, COMPANIONS[role])

    async def child_of(self, appointment_id: str, code: NationalId) -> Attendee:
        """For whom this guardian would act, while they may."""
        async with self.database.writing() as tx:
            appointment, _ = await self._expected(tx, appointment_id, code)
        return appointment.patient

    async def let_in(
        self, appointment_id: str, person: Person, code: NationalId
    ) -> Entrance:
        """Whoever was expected, a guardian who has said so included."""
        async with self.database.writing() as tx:
            appointment, attendee = await self._expected(tx, appointment_id, code)
            said, session = await self._entered(tx, appointment, attendee, person)
        return self._entrance(session, said)

    async def _expected(
        self, tx: Writer, appointment_id: str, code: NationalId
    ) -> tuple[Appointment, Attendee]:
        """The appointment, held, and who of those that are expected this is."""
        at, pseudonyms = self.clock(), self.register.pseudonyms
        appointment = _heard(await store.hold(tx, appointment_id))
        appointment.check_open(at)
        someone = Attendee(Role.GUARDIAN, pseudonyms.digest(code), code.birth_date)
        unlisted = self.guardians.unlisted(someone)
        attendee = appointment.expected(
            pseudonyms.digests(code), _today(at), self.age_limit, unlisted
        )
        return appointment, attendee

    async def _accompanying(
        self, tx: Writer, appointment_id: str, code: NationalId, role: Role
    ) -> tuple[Appointment, Attendee]:
        """The appointment, held, and someone who was asked to come along."""
        pseudonyms = self.register.pseudonyms
        appointment = _heard(await store.hold(tx, appointment_id))
        appointment.check_open(self.clock())
        someone = Attendee(role, pseudonyms.digest(code), code.birth_date)
        return appointment, appointment.accompanied(someone, pseudonyms.digests(code))

    async def _entered(
        self, tx: Writer, appointment: Appointment, attendee: Attendee, person: Person
    ) -> tuple[PatientIdentified, Session]:
        said = self._identified(appointment, attendee, person, self.clock())
        who, appointment_id = str(said.person_id), said.appointment_id
        line = Note(said.at, What.IDENTIFIED, who, appointment_id, role=said.role)
        await store.note(tx, line)
        await self.outbox.record(tx, said.about(appointment.heard.slot))
        ends_at = appointment.ends_at or said.at
        session = await self.sessions.open_visit(
            tx, who, appointment_id, ends_at, person.upstream
        )
        return said, session

    def code(self, person: Person) -> NationalId:
        """Raises `NoPersonalCode` or `IdentificationFailed`."""
        if person.national_id is None:
            raise NoPersonalCode("These credentials bring no personal identity code.")
        try:
            code = self.register.read(person.national_id, _today(self.clock()))
        except NotAPersonalCode:
            raise IdentificationFailed(Why.WRONG_NATIONAL_ID) from None
        if person.birth_date not in (None, code.birth_date):
            raise IdentificationFailed(Why.WRONG_BIRTH_DATE)
        return code

    def person_id(self, appointment_id: str, code: NationalId) -> str:
        pseudonyms = self.register.pseudonyms
        return str(pseudonyms.person_id(appointment_id, pseudonyms.digest(code)))

    def _identified(
        self, appointment: Appointment, attendee: Attendee, person: Person, at: datetime
    ) -> PatientIdentified:
        appointment_id, pseudonyms = (
            appointment.appointment_id,
            self.register.pseudonyms,
        )
        companion = attendee.role if attendee.role in COMPANIONS.values() else None
        return PatientIdentified(
            appointment_id=appointment_id,
            person_id=pseudonyms.person_id(appointment_id, attendee.digest, companion),
            role=attendee.role,
            name=person.name,
            birth_year=attendee.birth_date.year,
            method=person.method,
            at=at,
        )

    def _entrance(self, session: Session, said: PatientIdentified) -> Entrance:
        self._told(said)
        token = VisitSession(
            sid=str(session.session_id),
            sub=session.sub,
            exp=session.ends_at,
            appointment=said.appointment_id,
            role=said.role,
            name=said.name,
            birth_year=said.birth_year,
            method=said.method,
        )
        return self.sessions.entrance(session, token)

    def _told(self, said: PatientIdentified) -> None:
        metrics.IDENTIFICATIONS.labels(said.role).inc()
        self.log.info(
            "Someone was identified.",
            appointment_id=said.appointment_id,
            person_id=str(said.person_id),
            role=said.role,
        )

    async def refused(self, appointment_id: str, who: str | None, no: Refusal) -> None:
        async with self.database.writing() as tx:
            line = Note(self.clock(), What.REFUSED, who, appointment_id, no.code)
            await store.note(tx, line)
        count(metrics.IDENTIFICATIONS, no)
        self.log.info(
            "Someone was refused.", appointment_id=appointment_id, **reason(no)
        )


def _heard(appointment: Appointment | None) -> Appointment:
    """The link may be heard of before the booking: then a moment is all it takes."""
    if appointment is None or not appointment.is_known:
        raise Unavailable("The booking has not been heard yet.")
    return appointment


def _today(at: datetime) -> date:
    return at.astimezone(FINLAND).date()
