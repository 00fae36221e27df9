"""What staff are shown of messages. No address whole, and no link."""

from collections.abc import Sequence
from datetime import datetime

from chassis.sending import State
from contract.invitation import Kind
from services.invitation.domain import Delivery, hint
from services.invitation.staff_flows import PATIENT, Reached, Standing


def standing(told: Standing) -> dict[str, object]:
    recipient, _ = told.appointment.known()
    return {
        **_appointment(told),
        "language": recipient.language,
        "address": hint(recipient.email),
        "corrected": told.appointment.corrected is not None,
        "recipients": [_recipient(each) for each in told.recipients],
        "deliveries": [delivery(each) for each in told.deliveries],
    }


def of_day(told: Standing, at: datetime) -> dict[str, object]:
    """One line of the day's list: each recipient with the last that was sent to them."""
    return {
        **_appointment(told),
        "recipients": [
            {
                "recipient": each.name,
                "role": _role(each),
                "latest": _latest(each.deliveries, at),
                "reminder_at": _next_reminder(each.deliveries, at),
            }
            for each in told.recipients
        ],
    }


def _appointment(told: Standing) -> dict[str, object]:
    recipient, times = told.appointment.known()
    return {
        "appointment_id": told.appointment.appointment_id,
        "unit_id": recipient.unit.id,
        "status": told.appointment.status,
        "starts_at": times.starts_at.isoformat(),
        "ends_at": times.ends_at.isoformat(),
    }


def _recipient(reached: Reached) -> dict[str, object]:
    recipient, _ = reached.seen.known()
    no = reached.why_not_again
    return {
        "recipient": reached.name,
        "role": recipient.role,
        "language": recipient.language,
        "address": hint(recipient.email),
        "not_again": no.code if no else None,
    }


def delivery(sent: Delivery) -> dict[str, object]:
    settled_at = sent.settled_at
    return {
        "delivery_id": str(sent.delivery_id),
        "recipient": (sent.recipient or sent.link_digest) if sent.role else PATIENT,
        "kind": sent.kind,
        "role": sent.role,
        "minutes": sent.minutes,
        "state": sent.state,
        "reason": sent.reason,
        "attempts": sent.attempts,
        "asked_by": sent.asked_by,
        "written_at": sent.created_at.isoformat(),
        "wanted_at": sent.wanted_at.isoformat(),
        "settled_at": settled_at.isoformat() if settled_at else None,
    }


def _role(reached: Reached) -> str | None:
    recipient, _ = reached.seen.known()
    return recipient.role


def _latest(deliveries: Sequence[Delivery], at: datetime) -> dict[str, object] | None:
    """Of what has left, or should have; a delivery that became untrue tells nothing."""
    found = [
        each
        for each in deliveries
        if each.state is not State.OBSOLETE and each.wanted_at <= at
    ]
    last = max(found, key=lambda each: each.settled_at or at, default=None)
    return delivery(last) if last else None


def _next_reminder(deliveries: Sequence[Delivery], at: datetime) -> str | None:
    moments = [
        each.wanted_at
        for each in deliveries
        if each.kind is Kind.REMINDER
        and each.state is State.QUEUED
        and each.wanted_at > at
    ]
    return min(moments).isoformat() if moments else None
