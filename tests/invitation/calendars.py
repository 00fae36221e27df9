"""Calendars as they read entries: three parsers, and what a mailbox does with what they read.

The parsers have nothing in common: icalendar (which also writes our entries), vobject, and
ical.js, which Thunderbird reads with. What is done follows RFC 5546, 2.1.5 and 3.2.
"""

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which
from typing import Any

import icalendar
import vobject

ICAL_JS = Path(__file__).with_name("ical.mjs")


@dataclass(frozen=True)
class Entry:
    """One event with what is to be done with it. Times are in UTC, `alarm` in minutes."""

    method: str
    uid: str
    sequence: int
    written: datetime
    starts: datetime
    ends: datetime
    status: str
    summary: str
    description: str
    organizer: str
    attendee: str
    alarm: float | None


Parser = Callable[[Sequence[str]], list[Entry]]


def by_icalendar(texts: Sequence[str]) -> list[Entry]:
    return [_by_icalendar(each) for each in texts]


def _by_icalendar(text: str) -> Entry:
    calendar = icalendar.Calendar.from_ical(text)
    (event,) = calendar.walk("VEVENT")
    (zone,) = calendar.walk("VTIMEZONE")
    own: Any = zone.to_tz(lookup_tzid=False)  # type: ignore[attr-defined]

    def moment(name: str) -> datetime:
        at = event.decoded(name)
        return at.replace(tzinfo=own).astimezone(UTC)

    alarms = event.walk("VALARM")
    return Entry(
        method=str(calendar["method"]),
        uid=str(event["uid"]),
        sequence=int(event["sequence"]),
        written=event.decoded("dtstamp"),
        starts=moment("dtstart"),
        ends=moment("dtend"),
        status=str(event["status"]),
        summary=str(event["summary"]),
        description=str(event["description"]),
        organizer=str(event["organizer"]),
        attendee=str(event["attendee"]),
        alarm=_minutes(alarms[0].decoded("trigger")) if alarms else None,
    )


def by_vobject(texts: Sequence[str]) -> list[Entry]:
    return [_by_vobject(each) for each in texts]


def _by_vobject(text: str) -> Entry:
    calendar: Any = vobject.readOne(text)
    (event,) = calendar.vevent_list
    alarms = event.contents.get("valarm", [])
    return Entry(
        method=calendar.method.value,
        uid=event.uid.value,
        sequence=int(event.sequence.value),
        written=event.dtstamp.value.astimezone(UTC),
        starts=event.dtstart.value.astimezone(UTC),
        ends=event.dtend.value.astimezone(UTC),
        status=event.status.value,
        summary=event.summary.value,
        description=event.description.value,
        organizer=event.organizer.value,
        attendee=event.attendee.value,
        alarm=_minutes(alarms[0].trigger.value) if alarms else None,
    )


def by_ical_js(texts: Sequence[str]) -> list[Entry]:
    node = which("node")
    assert node, "Node.js is needed to read calendar entries with ical.js"
    run = subprocess.run(  # noqa: S603 - nothing in it comes from outside
        [node, str(ICAL_JS)],
        input=json.dumps(list(texts)),
        capture_output=True,
        check=True,
        text=True,
    )
    return [_by_ical_js(each) for each in json.loads(run.stdout)]


def _by_ical_js(told: dict[str, Any]) -> Entry:
    times = {
        name: datetime.fromtimestamp(told[name], UTC)
        for name in ("written", "starts", "ends")
    }
    return Entry(**{**told, **times})


def _minutes(length: timedelta) -> float:
    return length.total_seconds() / 60


PARSERS: dict[str, Parser] = {
    "icalendar": by_icalendar,
    "vobject": by_vobject,
    "ical.js": by_ical_js,
}


def held(entries: Sequence[Entry]) -> list[Entry]:
    """What a calendar shows after these have come, one by one.

    The newest word on a UID holds: the higher SEQUENCE, then the later DTSTAMP.
    """
    newest: dict[str, Entry] = {}
    for each in entries:
        known = newest.get(each.uid)
        if known is None or _age(each) >= _age(known):
            newest[each.uid] = each
    return [each for each in newest.values() if each.method != "CANCEL"]


def _age(entry: Entry) -> tuple[int, datetime]:
    return entry.sequence, entry.written
