"""JSON Schema (2020-12) of each event's data, from the models themselves."""

from typing import Any

from contract.envelope import Event

ENVELOPE = Event.model_fields.keys() - {"appointment_id"}  # these travel as headers


def schema(event: type[Event]) -> dict[str, Any]:
    """What the value of a message of this type holds. Unknown fields are let pass."""
    made = event.model_json_schema()
    properties = made.pop("properties")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:videomottagning:{event.type()}",
        **made,
        "title": event.type(),
        "properties": {
            name: shape for name, shape in properties.items() if name not in ENVELOPE
        },
    }


def meaning(event: type[Event]) -> str:
    """The event in a sentence."""
    return (event.__doc__ or "").partition("\n")[0]
