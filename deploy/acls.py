"""Who may read and write which topic: `python -m deploy.acls` writes deploy/kafka/acls.md.

Made from the contract's catalogue, which a house test compares with what the services do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from contract.catalogue import BOOKING_SYSTEM, CATALOGUE, SERVICES, parked

PAGE = Path(__file__).parent / "kafka" / "acls.md"
TOPICS_JOB = "topics"
TOOL = (
    'kafka-acls.sh --bootstrap-server "$KAFKA" --command-config admin.properties --add'
)

HEAD = """\
# Who may read and write which topic

<!-- Made by `python -m deploy.acls` from contract/catalogue.py. -->

The cluster authenticates its clients (TLS certificates or SASL), refuses what no rule allows
(`allow.everyone.if.no.acl.found=false`), keeps three copies of each topic and makes no topic by
itself (`auto.create.topics.enable=false`). A client's name is its service's word; a booking system
is `booking-system`. Topics marked **personal** are the reason: nobody reads them who is not named.

"""


@dataclass(frozen=True)
class Rights:
    """What one client may do; its consumer group is called as it is."""

    client: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


def rights() -> tuple[Rights, ...]:
    return tuple(map(_rights, (BOOKING_SYSTEM, *SERVICES)))


def page() -> str:
    return "".join(
        chain([HEAD], _table(), ["\n## As commands\n\n```sh\n"], _commands())
    )


def _rights(client: str) -> Rights:
    reads = [entry.event.topic for entry in CATALOGUE if client in entry.hearers]
    writes = [entry.event.topic for entry in CATALOGUE if entry.speaker == client]
    own = [parked(client)] if client in SERVICES else []
    return Rights(client, (*reads, *own), (*writes, *own))


def _table() -> Iterator[str]:
    yield "| topic | | writes | reads |\n|---|---|---|---|\n"
    for entry in CATALOGUE:
        mark = "**personal**" if entry.personal else ""
        hearers = ", ".join(entry.hearers)
        yield f"| `{entry.event.topic}` | {mark} | {entry.speaker} | {hearers} |\n"
    for service in SERVICES:
        yield f"| `{parked(service)}` | **personal** | {service} | {service} |\n"


def _commands() -> Iterator[str]:
    for each in rights():
        who = f"{TOOL} --allow-principal User:{each.client}"
        yield f"{who} --operation Write{_topics(each.writes)}\n"
        yield f"{who} --operation Read{_topics(each.reads)} --group {each.client}\n"
    made = sorted({topic for each in rights() for topic in each.reads + each.writes})
    who = f"{TOOL} --allow-principal User:{TOPICS_JOB}"
    yield f"{who} --operation Create --operation Describe --operation AlterConfigs{_topics(made)}\n"
    yield "```\n"


def _topics(names: tuple[str, ...] | list[str]) -> str:
    return "".join(f" --topic {name}" for name in names)


def main() -> None:
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
