"""The AsyncAPI 3.0 document: channels from topics, operations from who says and hears."""

from typing import Any

from contract.catalogue import CATALOGUE, SERVICES, Entry, kept, parked
from contract.envelope import JSON, Why
from contract.samples import binary_samples, sample
from contract.shapes import meaning

Document = dict[str, Any]
BINDING = {"bindingVersion": "0.5.0"}
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
KEY = {"type": "string", "description": "The appointment_id."}


def document() -> Document:
    return {
        "asyncapi": "3.0.0",
        "id": "urn:videomottagning",
        "info": {
            "title": "Videomottagning",
            "version": "1.0.0",
            "description": "What is said on Kafka between a booking system and the "
            "services of Videomottagning. In words: docs/events.md.",
            "license": {"name": "EUPL-1.2"},
        },
        "defaultContentType": JSON,
        "servers": {"kafka": _server()},
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "messages": {entry.event.type(): _message(entry) for entry in CATALOGUE}
            | {"parked": _parked_message()},
            "schemas": {"cloudevents": _headers()},
        },
    }


def _server() -> Document:
    return {
        "host": "{bootstrap}",
        "protocol": "kafka",
        "description": "The county's own Kafka.",
        "variables": {
            "bootstrap": {
                "description": "As in the setting KAFKA_SERVERS.",
                "default": "kafka:9092",
            }
        },
    }


def _channels() -> Document:
    said = {
        entry.event.topic: (entry.event.type(), meaning(entry.event))
        for entry in CATALOGUE
    }
    lost = {
        parked(service): (
            "parked",
            f"What {service} could not read or act on, as it came.",
        )
        for service in SERVICES
    }
    return {
        topic: _channel(topic, message, what)
        for topic, (message, what) in (said | lost).items()
    }


def _channel(topic: str, message: str, what: str) -> Document:
    kafka = {
        "topic": topic,
        "topicConfiguration": {
            "cleanup.policy": ["delete"],
            "retention.ms": int(kept()[topic].total_seconds() * 1000),
        },
    }
    return {
        "address": topic,
        "description": what,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {"kafka": kafka | BINDING},
    }


def _operations() -> Document:
    operations: Document = {}
    for entry in CATALOGUE:
        topic = entry.event.topic
        operations[f"{entry.speaker}.says.{topic}"] = _operation(
            "send", entry.speaker, topic
        )
        for hearer in entry.hearers:
            operations[f"{hearer}.hears.{topic}"] = _operation("receive", hearer, topic)
    for service in SERVICES:
        topic = parked(service)
        operations[f"{service}.parks"] = _operation("send", service, topic)
    return operations


def _operation(action: str, who: str, topic: str) -> Document:
    operation: Document = {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic}"},
        "tags": [{"name": who}],
    }
    if action == "receive" and who in SERVICES:
        group = {"type": "string", "enum": [who]}
        operation["bindings"] = {"kafka": {"groupId": group} | BINDING}
    return operation


def _message(entry: Entry) -> Document:
    name = entry.event.type()
    golden = [sample(each) for each in binary_samples(name)]
    return {
        "name": name,
        "summary": meaning(entry.event),
        "contentType": JSON,
        "headers": {"$ref": "#/components/schemas/cloudevents"},
        "payload": {
            "schemaFormat": SCHEMA_FORMAT,
            "schema": {"$ref": f"schemas/{name}.json"},
        },
        "bindings": {"kafka": {"key": KEY} | BINDING},
        "examples": [
            {"headers": each.headers, "payload": each.value} for each in golden
        ],
    }


def _parked_message() -> Document:
    told = {
        "parked-topic": {"type": "string"},
        "parked-partition": {"type": "string"},
        "parked-offset": {"type": "string"},
        "parked-reason": {
            "type": "string",
            "description": "failing, or why it could not be read.",
            "enum": ["failing", *map(str, Why)],
        },
    }
    return {
        "name": "parked",
        "summary": "The original key, value and headers, and four more headers.",
        "headers": {"type": "object", "required": list(told), "properties": told},
        "payload": {},
    }


def _headers() -> Document:
    """The attributes of CloudEvents 1.0 in binary mode."""
    return {
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
        "properties": {
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_id": {
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "description": "With ce_source it names one event for good.",
            },
            "ce_source": {"type": "string", "minLength": 1, "maxLength": 200},
            "ce_type": {"type": "string", "description": "The topic and the version."},
            "ce_time": {"type": "string", "format": "date-time"},
            "content-type": {"type": "string", "default": JSON},
        },
    }
