"""What a recipient should be told next, and what need not be told any more. Pure.

A message is about one revision of the appointment. An announcement (invitation, update,
cancellation) makes that revision known; reminders and delays are about what is known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.outcome import Reason
from chassis.sending import OPEN, State
from contract.invitation import Kind
from services.invitation.domain import Appointment, Delivery, Status
from services.invitation.reminders import Reminders

ANNOUNCEMENTS = frozenset({Kind.INVITATION, Kind.UPDATE, Kind.CANCELLATION})


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about telling."""

    try_for: timedelta
    reminders: Reminders
    delays_apart: timedelta


@dataclass(frozen=True, slots=True)
class Wanted:
    """An e-mail that should be written, and when it should leave."""

    kind: Kind
    at: datetime
    ahead: timedelta | None = None
    minutes: int | None = None


def revised(
    appointment: Appointment,
    deliveries: Sequence[Delivery],
    rules: Rules,
    at: datetime,
) -> Iterator[Delivery]:
    """The deliveries without those that became untrue, or have been tried long enough."""
    for each in deliveries:
        if each.state is not State.QUEUED:
            yield each
        elif each.revision != appointment.revision:
            yield each.obsolete(at)
        elif each.kind is Kind.REMINDER:
            yield _reminder(each, appointment, deliveries, rules.reminders, at)
        elif each.kind is Kind.DELAY:
            leaves_at = max(at, each.due_at)
            is_true = each.minutes == appointment.delay
            if is_true and _is_useful(appointment, deliveries, leaves_at):
                yield each
            else:
                yield each.obsolete(at)
        elif _latest(each, appointment, rules.try_for) < max(at, each.due_at):
            yield each.given_up(at)
        else:
            yield each


def due(
    appointment: Appointment,
    deliveries: Sequence[Delivery],
    link_digest: str,
    rules: Rules,
    at: datetime,
) -> Iterator[Wanted]:
    """What the recipient should be told beyond what is on its way, if anything.

    `link_digest` is of the link that opens the appointment now. Nothing while a message is being handed over: until its end is known, it is not
    known either what has been told.
    """
    if appointment.is_over(at) or any(
        each.state is State.SENDING for each in deliveries
    ):
        return
    recipient, _ = appointment.known()
    theirs = [each for each in deliveries if each.recipient == recipient.name]
    if not any(_announces(each, appointment) for each in deliveries):
        kind = _announcement(appointment, theirs, link_digest)
        if kind is not None:
            yield Wanted(kind, at)
    elif gets_through(theirs, recipient.name) and _is_known(appointment, theirs):
        yield from _delay(appointment, theirs, rules, at)
    if appointment.status is Status.BOOKED:
        yield from _reminders(appointment, deliveries, rules.reminders, at)


def _announcement(
    appointment: Appointment, theirs: Sequence[Delivery], link_digest: str
) -> Kind | None:
    """An update is for whoever has the link, whatever else they have been told."""
    told = [each for each in theirs if each.may_have_arrived]
    if appointment.status is Status.CANCELLED:
        return Kind.CANCELLATION if told else None
    has_link = any(each.link_digest == link_digest for each in told)
    return Kind.UPDATE if has_link else Kind.INVITATION


def _reminders(
    appointment: Appointment,
    deliveries: Sequence[Delivery],
    reminders: Reminders,
    at: datetime,
) -> Iterator[Wanted]:
    """Each once for a revision; none whose moment was past when the booking was heard."""
    _, times = appointment.known()
    planned = {
        each.ahead
        for each in deliveries
        if each.kind is Kind.REMINDER and each.revision == appointment.revision
    }
    for ahead, moment in reminders.moments(times.starts_at).items():
        if moment > at and ahead not in planned:
            yield Wanted(Kind.REMINDER, moment, ahead=ahead)


def _delay(
    appointment: Appointment, theirs: Sequence[Delivery], rules: Rules, at: datetime
) -> Iterator[Wanted]:
    """A delay that grew waits its turn; one that shrank is told at once, for whoever
    relied on the longer one would come too late."""
    said, minutes = _delays(appointment, theirs), appointment.delay
    believed = said[-1].minutes or 0 if said else 0
    if minutes is None or minutes == believed:
        return
    left = [each.settled_at for each in said if each.settled_at]
    turn = max(left) + rules.delays_apart if left and minutes > believed else at
    if _is_useful(appointment, theirs, max(at, turn)):
        yield Wanted(Kind.DELAY, max(at, turn), minutes=minutes)


def _delays(
    appointment: Appointment, deliveries: Sequence[Delivery]
) -> Sequence[Delivery]:
    """What they were told of delays, are being told, or could not be told."""
    return [
        each
        for each in deliveries
        if each.kind is Kind.DELAY
        and each.revision == appointment.revision
        and (each.state is not State.OBSOLETE or each.doubt)
    ]


def _is_useful(
    appointment: Appointment,
    deliveries: Sequence[Delivery],
    at: datetime,
) -> bool:
    """Until the appointment begins, as it was told or as it is told now."""
    _, times = appointment.known()
    told = [each.minutes or 0 for each in _delays(appointment, deliveries)]
    begins = times.starts_at + timedelta(minutes=max([appointment.delay or 0, *told]))
    return at < min(begins, times.ends_at)


def _reminder(
    planned: Delivery,
    appointment: Appointment,
    deliveries: Sequence[Delivery],
    reminders: Reminders,
    at: datetime,
) -> Delivery:
    """The planned reminder, unless it is needless or comes too late to be of use."""
    _, times = appointment.known()
    ahead = planned.ahead or timedelta()
    if planned.due_at <= at and (until := reminders.held_back(ahead, at)):
        planned = planned.postponed(until)
    useless_from = reminders.useless_from(ahead, times.starts_at)
    if ahead not in reminders.ahead or useless_from <= max(at, planned.due_at):
        return planned.obsolete(at)
    if planned.due_at <= at and _is_needless(planned, deliveries, reminders, at):
        return planned.obsolete(at)
    return planned


def _is_needless(
    planned: Delivery,
    deliveries: Sequence[Delivery],
    reminders: Reminders,
    at: datetime,
) -> bool:
    """Something else has just told them, is about to, or could not reach them."""
    return not gets_through(deliveries, planned.recipient) or any(
        _is_on_its_way(each) or _has_told_after(each, at - reminders.apart)
        for each in deliveries
        if each is not planned and each.recipient == planned.recipient
    )


def _has_told_after(delivery: Delivery, at: datetime) -> bool:
    return (
        delivery.state is State.ACCEPTED
        and delivery.settled_at is not None
        and delivery.settled_at > at
    )


def _is_on_its_way(delivery: Delivery) -> bool:
    return delivery.state is State.SENDING or (
        delivery.state is State.QUEUED and delivery.kind in ANNOUNCEMENTS
    )


def gets_through(deliveries: Sequence[Delivery], recipient: str | None) -> bool:
    """Whether the last e-mail to this address has not failed, as far as is known.

    If it has, news are still tried, but nobody is reminded at an address that is dead.
    Where no mail server answered, nothing is known of the address.
    """
    ended = [
        each
        for each in deliveries
        if each.recipient == recipient
        and each.state in {State.ACCEPTED, State.FAILED}
        and each.reason is not Reason.NO_ANSWER
    ]
    return not ended or ended[-1].state is State.ACCEPTED


def is_missed(seen: Appointment, delivery: Delivery, at: datetime) -> bool:
    """Whether anybody lacks what has come back: not once the address is another one,
    nor when it told of an appointment that is off, or over."""
    recipient, _ = seen.known()
    if delivery.recipient != recipient.name or seen.is_over(at):
        return False
    return seen.status is Status.BOOKED or delivery.kind is Kind.CANCELLATION


def _is_known(appointment: Appointment, theirs: Sequence[Delivery]) -> bool:
    """They have been told, and nothing is on its way to them."""
    return (
        appointment.status is Status.BOOKED
        and any(each.may_have_arrived for each in theirs)
        and not any(
            each.state in OPEN and each.kind is not Kind.REMINDER for each in theirs
        )
    )


def _announces(delivery: Delivery, appointment: Appointment) -> bool:
    """It has told, will tell, or has failed to tell what is true now."""
    return (
        delivery.kind in ANNOUNCEMENTS
        and delivery.state is not State.OBSOLETE
        and delivery.revision == appointment.revision
    )


def _latest(
    delivery: Delivery, appointment: Appointment, try_for: timedelta
) -> datetime:
    _, times = appointment.known()
    return min(delivery.wanted_at + try_for, times.ends_at)
