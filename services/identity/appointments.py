"""Who is expected, and when, as the booking system and the invitations say."""

from dataclasses import dataclass
from datetime import timedelta

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
from services.identity import store
from services.identity.domain import ACT_LASTS, FINLAND, Attendee, Link
from services.identity.national_id import NotAPersonalCode
from services.identity.pseudonyms import Register

ATTEMPTS_KEPT = timedelta(days=1)  # so that Back and a restored tab find their visit
APPOINTMENTS_KEPT = timedelta(days=40)  # longer than Kafka keeps a word about them


@dataclass(frozen=True, slots=True)
class Appointments:
    """Who is expected, and when."""

    database: Database
    clock: Clock
    register: Register

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
                await store.keep_link(tx, said.link_digest, link, said.expires_at)

    async def forget(self) -> None:
        """Nothing is kept longer than it can matter."""
        at = self.clock()
        async with self.database.writing() as tx:
            await store.forget_attempts(tx, at - ATTEMPTS_KEPT)
            await store.forget_acts(tx, at - ACT_LASTS)
            await store.forget_appointments(tx, at - APPOINTMENTS_KEPT)

    def _attendees(self, said: AppointmentBookedInFull) -> tuple[Attendee, ...]:
        patient = self._attendee(Role.PATIENT, said.patient, "patient.national_id")
        guardians = (
            self._attendee(Role.GUARDIAN, each, f"guardians.{at}.national_id")
            for at, each in enumerate(said.guardians)
        )
        return tuple(dict.fromkeys((patient, *guardians)))

    def _attendee(
        self, role: Role, who: PatientInFull | GuardianInFull, where: str
    ) -> Attendee:
        today = self.clock().astimezone(FINLAND).date()
        try:
            code = self.register.read_booked(who.national_id, today)
        except NotAPersonalCode:
            raise Unreadable(Unread.NOT_AS_AGREED, [where]) from None
        return Attendee(role, self.register.pseudonyms.digest(code), code.birth_date)
