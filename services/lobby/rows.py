"""From rows of the lobby's tables to visits, places and messages, and back."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr

from contract.appointment import Heard
from contract.booking import Professional, Service, Unit
from contract.identity import Role
from contract.slot import Slot, Stamp
from services.lobby.delay import Delay
from services.lobby.domain import Details, Invitation, Status, Visit
from services.lobby.message import Canned, Message
from services.lobby.place import Person, Place, Reason, State, Summons


def visit(row: Any) -> Visit:
    return Visit(
        appointment_id=row["appointment_id"],
        heard=Heard(
            row["heard_details"],
            row["heard_times"],
            row["heard_status"],
            row["starts_at"],
            _over(row),
        ),
        status=_status(row),
        details=_details(json.loads(row["details"])) if row["details"] else None,
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        admitted_at=row["admitted_at"],
        in_call_since=row["in_call_since"],
        invitation=Invitation(
            row["invitation_failed"], row["invitation_reason"], _stamp(row)
        ),
        delay=_delay(row),
        slot_sequence=row["visit_slot_sequence"],
    )


def status_column(status: Status) -> Status:
    """An instance from before there was an 'unserved' reads it as what it then was."""
    return Status.MISSED if status is Status.UNSERVED else status


def details_json(details: Details) -> str:
    return json.dumps(
        {
            "unit": details.unit.model_dump(),
            "service": details.service,
            "professional": details.professional.model_dump(),
            "patient_name": details.patient_name.get_secret_value(),
        }
    )


def place(row: Any) -> Place:
    return Place(
        appointment_id=row["appointment_id"],
        person=Person(
            person_id=row["person_id"],
            role=Role(row["role"]),
            name=SecretStr(row["name"]),
            birth_year=row["birth_year"],
            method=row["method"],
        ),
        state=State(row["state"]),
        version=row["version"],
        since=row["since"],
        asked_at=row["asked_at"],
        reason=Reason(row["reason"]) if row["reason"] else None,
        by=_by(row) if row["by_id"] else None,
        slot_sequence=row["slot_sequence"],
        away_since=row["away_since"],
        summons=_summons(row),
        checks=MappingProxyType(json.loads(row["checks"])),
    )


def message(row: Any) -> Message:
    return Message(
        message_id=row["message_id"],
        appointment_id=row["appointment_id"],
        person_id=row["person_id"],
        at=row["at"],
        by=_by(row),
        code=Canned(row["code"]) if row["code"] else None,
        text=SecretStr(row["text"]) if row["text"] else None,
        read_at=row["read_at"],
    )


def _details(document: Mapping[str, Any]) -> Details:
    return Details(
        unit=Unit.model_validate(document["unit"]),
        service=Service(document["service"]),
        professional=Professional.model_validate(document["professional"]),
        patient_name=SecretStr(document["patient_name"]),
    )


def _status(row: Any) -> Status:
    status = Status(row["status"])
    return Status.UNSERVED if row["unserved"] and status is Status.MISSED else status


def _over(row: Any) -> int:
    """A cancellation ends every slot up to it, also one that was heard before this was kept."""
    over: int = row["heard_over"]
    status: int = row["heard_status"]
    return max(over, status) if row["status"] == Status.CANCELLED else over


def _by(row: Any) -> Professional:
    return Professional(id=row["by_id"], name=row["by_name"])


def _stamp(row: Any) -> Stamp | None:
    if row["invitation_at"] is None:
        return None
    sequence = row["invitation_sequence"]
    slot = None if sequence is None else Slot(row["invitation_starts_at"], sequence)
    return Stamp(slot, row["invitation_at"])


def _delay(row: Any) -> Delay | None:
    if row["delay_at"] is None:
        return None
    return Delay(row["delay_minutes"], row["delay_inferred"], row["delay_at"])


def _summons(row: Any) -> Summons | None:
    if row["summoned_at"] is None:
        return None
    return Summons(row["summoned_at"], row["summoned_until"], row["summons_passed"])
