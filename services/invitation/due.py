"""What a recipient should be told next, and what need not be told any more. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from chassis.sending import State
from contract.invitation import Kind
from services.invitation.domain import Appointment, Delivery, Status


def revised(
    appointment: Appointment,
    deliveries: Sequence[Delivery],
    try_for: timedelta,
    at: datetime,
) -> Iterator[Delivery]:
    """The deliveries without those that became untrue, or have been tried long enough."""
    for each in deliveries:
        if each.state is not State.QUEUED:
            yield each
        elif each.revision != appointment.revision:
            yield each.obsolete(at)
        elif _latest(each, appointment, try_for) < max(at, each.due_at):
            yield each.given_up(at)
        else:
            yield each


def _latest(
    delivery: Delivery, appointment: Appointment, try_for: timedelta
) -> datetime:
    _, times = appointment.known()
    return min(delivery.created_at + try_for, times.ends_at)


def due(
    appointment: Appointment,
    deliveries: Sequence[Delivery],
    link_digest: str,
    at: datetime,
) -> Kind | None:
    """What the patient should be told next, if anything.

    Nothing while a message is being handed over: until its end is known, it is not
    known either what the patient has been told.
    """
    if appointment.is_over(at) or any(
        each.state is State.SENDING or _tells(each, appointment) for each in deliveries
    ):
        return None
    told = any(
        each.may_have_arrived and each.link_digest == link_digest for each in deliveries
    )
    if appointment.status is Status.CANCELLED:
        return Kind.CANCELLATION if told else None
    return Kind.UPDATE if told else Kind.INVITATION


def gets_through(deliveries: Sequence[Delivery], link_digest: str) -> bool:
    """Whether the last e-mail to this address has not failed, as far as is known.

    If it has, news are still tried, but nobody is reminded at an address that is dead.
    """
    ended = [
        each.state
        for each in deliveries
        if each.link_digest == link_digest
        and each.state in {State.ACCEPTED, State.FAILED}
    ]
    return not ended or ended[-1] is State.ACCEPTED


def is_missed(
    seen: Appointment, delivery: Delivery, link_digest: str, at: datetime
) -> bool:
    """Whether anybody lacks what has come back: not once the address is another one,
    nor when it told of an appointment that is off, or over."""
    if delivery.link_digest != link_digest or seen.is_over(at):
        return False
    return seen.status is Status.BOOKED or delivery.kind is Kind.CANCELLATION


def _tells(delivery: Delivery, appointment: Appointment) -> bool:
    """It has told, will tell, or has failed to tell what is true now."""
    return (
        delivery.state is not State.OBSOLETE
        and delivery.revision == appointment.revision
    )
