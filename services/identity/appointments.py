"""Who is expected, and when, as the booking system and the invitations say."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from chassis import inbox
from chassis.clock import Clock
from chassis.database import Database
from contract.booking import Change
from contract.booking_full import (
    AppointmentBookedInFull,
    GuardianInFull,
    PatientInFull,
)
from contract.envelope import Unreadable
from contract.envelope import Why as Unread
from contract.identity import Role
from contract.invitation import InvitationIssued
from contract.slot import Stamp
from services.identity import store
from services.identity.domain import (
    ACT_LASTS,
    FINLAND,
    OPEN_AFTER_END,
    Attendee,
    Link,
    age,
)
from services.identity.national_id import NationalId, NotAPersonalCode
from services.identity.pseudonyms import Register
from services.identity.seals import Seal

ATTEMPTS_KEPT = timedelta(days=1)  # so that Back and a restored tab find their visit
APPOINTMENTS_KEPT = timedelta(days=40)  # longer than Kafka keeps a word about them


@dataclass(frozen=True, slots=True)
class Keeper:
    """Keeps a child's code, sealed, for as long as a guardian may have to be asked about."""

    seal: Seal
    age_limit: int

    def kept(self, code: NationalId, appointment_id: str, today: date) -> bytes | None:
        if age(code.birth_date, today) >= self.age_limit:
            return None
        return self.seal.closed(code.text, appointment_id)


@dataclass(frozen=True, slots=True)
class Appointments:
    """Who is expected, and when."""

    database: Database
    clock: Clock
    register: Register
    keeper: Keeper | None = None

    async def booked(self, said: AppointmentBookedInFull) -> None:
        """Raises `Unreadable` when a personal identity code in it is nobody's."""
        await self.changed(said, self._attendees(said))

    async def changed(self, said: Change, attendees: tuple[Attendee, ...] = ()) -> None:
        """Booked, moved or cancelled: what was said last counts, not what came last."""
        at = self.clock()
        async with self.database.writing() as tx:
            if await inbox.first_sight(tx, said):
                known = await store.hold_or_open(tx, said.appointment_id, at)
                await store.save(tx, known.after(said, attendees), at)

    async def invited(self, said: InvitationIssued) -> None:
        """The appointment has a link, of which we know the digest."""
        async with self.database.writing() as tx:
            if await inbox.first_sight(tx, said):
                link = Link(said.appointment_id, said.role)
                stamp = Stamp(said.slot, said.time or self.clock())
                await store.keep_link(
                    tx, said.link_digest, link, said.expires_at, stamp
                )

    async def forget(self) -> None:
        """Nothing is kept longer than it can matter."""
        at = self.clock()
        async with self.database.writing() as tx:
            await store.forget_attempts(tx, at - ATTEMPTS_KEPT)
            await store.forget_acts(tx, at - ACT_LASTS)
            await store.forget_codes(tx, at - OPEN_AFTER_END)
            await store.forget_appointments(tx, at - APPOINTMENTS_KEPT)

    def _attendees(self, said: AppointmentBookedInFull) -> tuple[Attendee, ...]:
        patient = self._patient(said)
        guardians = (
            self._attendee(
                Role.GUARDIAN, self._code(each, f"guardians.{at}.national_id")
            )
            for at, each in enumerate(said.guardians)
        )
        return tuple(dict.fromkeys((patient, *guardians)))

    def _patient(self, said: AppointmentBookedInFull) -> Attendee:
        code = self._code(said.patient, "patient.national_id")
        patient = self._attendee(Role.PATIENT, code)
        if self.keeper is None:
            return patient
        sealed = self.keeper.kept(code, said.appointment_id, self._today())
        return replace(patient, sealed=sealed)

    def _attendee(self, role: Role, code: NationalId) -> Attendee:
        return Attendee(role, self.register.pseudonyms.digest(code), code.birth_date)

    def _code(self, who: PatientInFull | GuardianInFull, where: str) -> NationalId:
        try:
            return self.register.read_booked(who.national_id, self._today())
        except NotAPersonalCode:
            raise Unreadable(Unread.NOT_AS_AGREED, [where]) from None

    def _today(self) -> date:
        return self.clock().astimezone(FINLAND).date()
