"""Rows of the tables as values of the domain."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import SecretStr

from chassis.outcome import Reason
from chassis.sending import State
from contract.appointment import Heard
from contract.booking import Language, Texts, Unit
from contract.invitation import Kind
from contract.slot import Slot
from services.invitation.domain import (
    Appointment,
    Delivery,
    Invited,
    Issued,
    Progress,
    Recipient,
    Status,
    Times,
)

Made = TypeVar("Made")


def appointment_of(row: Any, companions: Sequence[Invited]) -> Appointment:
    return Appointment(
        row["appointment_id"],
        _heard(row),
        Status(row["status"]),
        _recipient(row),
        Times(row["starts_at"], row["ends_at"]) if row["starts_at"] else None,
        row["revision"],
        _issued(row),
        tuple(companions),
        SecretStr(row["corrected_email"]) if row["corrected_email"] else None,
        Progress(row["delay"], _ids(row["arrived"]), row["started"]),
        _slots(row["slots"]),
    )


def _heard(row: Any) -> Heard:
    return Heard(
        row["heard_details"],
        row["heard_times"],
        row["heard_status"],
        row["starts_at"],
        row["heard_over"],
    )


def _slots(stored: str) -> Mapping[Slot, Progress]:
    return {
        Slot(datetime.fromisoformat(each["starts_at"]), each["sequence"]): Progress(
            each["delay"], _ids(each["arrived"]), each["started"]
        )
        for each in json.loads(stored)
    }


def slots_to_json(slots: Mapping[Slot, Progress]) -> str:
    return json.dumps(
        [
            {
                "starts_at": slot.starts_at.isoformat(),
                "sequence": slot.sequence,
                "delay": progress.delay,
                "arrived": sorted(map(str, progress.arrived)),
                "started": progress.started,
            }
            for slot, progress in slots.items()
        ]
    )


def _ids(found: Iterable[Any]) -> frozenset[UUID]:
    return frozenset(UUID(str(each)) for each in found)


def _issued(row: Any) -> Issued | None:
    if row["issued_digest"] is None:
        return None
    return Issued(row["issued_digest"], row["issued_until"])


def companion_of(row: Any) -> Invited:
    return Invited(
        role=row["role"],
        email=SecretStr(row["email"]),
        language=Language(row["language"]) if row["language"] else None,
        asked=row["asked"],
        revision=row["revision"],
        issued=_issued(row),
    )


def _recipient(row: Any) -> Recipient | None:
    if row["unit_id"] is None:
        return None
    name = Texts.model_validate_json(row["unit_name"])
    return Recipient(
        Unit(
            id=row["unit_id"],
            name=name,
            phone=row["unit_phone"],
            url=row["unit_url"],
        ),
        SecretStr(row["email"]),
        Language(row["language"]),
    )


def delivery_of(row: Any) -> Delivery:
    return Delivery(
        delivery_id=UUID(str(row["delivery_id"])),
        kind=Kind(row["kind"]),
        revision=row["revision"],
        link_digest=row["link_digest"],
        created_at=row["created_at"],
        due_at=row["due_at"],
        state=State(row["state"]),
        attempts=row["attempts"],
        lease=row["lease"],
        doubt=row["doubt"],
        reason=Reason(row["reason"]) if row["reason"] else None,
        asked_by=row["asked_by"],
        settled_at=row["settled_at"],
        role=row["role"],
        wanted_at=row["wanted_at"],
        ahead=row["ahead"],
        minutes=row["minutes"],
        recipient=row["recipient"],
        domain=row["domain"],
    )


def by_appointment(
    rows: Iterable[Any], made: Callable[[Any], Made]
) -> Mapping[str, Sequence[Made]]:
    found: dict[str, list[Made]] = defaultdict(list)
    for row in rows:
        found[row["appointment_id"]].append(made(row))
    return found
