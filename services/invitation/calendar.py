"""The calendar entry: one appointment, one entry, whatever happens to it.

UID is the appointment, SEQUENCE its change, METHOD what the calendar is to do.
Other people may see a calendar, so it says neither the unit nor what the visit is for.
Sources: RFC 5545 (iCalendar), RFC 5546 (REQUEST and CANCEL).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from urllib.parse import quote

from icalendar import Alarm, Calendar, Event, Timezone, vCalAddress, vText
from icalendar.parser import Contentline

from contract.booking import Language
from services.invitation.domain import Appointment
from services.invitation.form import COMPANION, WITH_ENTRY, Key, Wording
from services.invitation.skeleton import Skeleton
from services.invitation.words import HELSINKI, Words

ALARM = timedelta(minutes=-30)  # the texts say so in words
PRODUCT = "-//Videomottagning//Invitation//EN"
LONGEST_LINE = 75  # bytes; RFC 5545, 3.1
IN_AN_ADDRESS = "@!$&'*+/=?"  # what a mailto address keeps (RFC 6068)


def method(wording: Wording) -> str:
    return "CANCEL" if wording is Wording.CANCELLATION else "REQUEST"


class Entries:
    """Writes entries. `sender` is whom the e-mail is from; `host` makes the UIDs ours."""

    def __init__(
        self, catalogue: Mapping[Language, Words], host: str, sender: str
    ) -> None:
        self._host = host
        self._skeletons = {
            key: Skeleton.of(_unfolded(_calendar(key, words, sender)))
            for language, words in catalogue.items()
            for wording in WITH_ENTRY
            for to_companion in (False, True)
            for key in [Key(language, wording, to_companion)]
        }

    def write(
        self, appointment: Appointment, key: Key, link: str, written_at: datetime
    ) -> str:
        recipient, times = appointment.known()
        address = recipient.email.get_secret_value().strip()
        entry = self._skeletons[key].filled(
            {
                "uid": f"{_entry(appointment)}@{self._host}",
                "sequence": str(appointment.sequence),
                "written": f"{written_at.astimezone(UTC):%Y%m%dT%H%M%SZ}",
                "starts": f"{times.starts_at.astimezone(HELSINKI):%Y%m%dT%H%M%S}",
                "ends": f"{times.ends_at.astimezone(HELSINKI):%Y%m%dT%H%M%S}",
                "attendee": quote(address, safe=IN_AN_ADDRESS),
                "link": link,
            }
        )
        return "\r\n".join(map(_folded, entry.split("\r\n")))


def file_name(words: Words) -> str:
    return f"{words('event.file')}.ics"


def _entry(appointment: Appointment) -> str:
    """One entry for each: a companion may share the patient's mailbox."""
    recipient, _ = appointment.known()
    role = f".{recipient.role}" if recipient.role else ""
    return f"{appointment.appointment_id}{role}"


def _calendar(key: Key, words: Words, sender: str) -> Calendar:
    """The entry with gaps, as `skeleton` reads them."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method(key.wording))
    calendar.add_component(_time_zone())
    event = _event(words)
    _introduce(event, sender)
    if key.wording is Wording.CANCELLATION:
        whose = COMPANION if key.to_companion else ""
        event.add("status", "CANCELLED")
        event.add("description", words(f"{whose}event.cancelled"))
    else:
        event.add("status", "CONFIRMED")
        event.add("description", _description(words))
        event.add("url", "[[link]]")
        event.add_component(_alarm(words))
    calendar.add_component(event)
    return calendar


def _event(words: Words) -> Event:
    event = Event()
    event["uid"] = vText("[[uid]]")
    event["sequence"] = vText("[[sequence]]")
    event["dtstamp"] = vText("[[written]]")
    event["dtstart"] = vText("[[starts]]", params={"TZID": HELSINKI.key})
    event["dtend"] = vText("[[ends]]", params={"TZID": HELSINKI.key})
    event.add("summary", words("event.title"))
    event.add("location", words("event.place"))
    event.add("class", "PRIVATE")
    event.add("transp", "OPAQUE")
    event.add("x-microsoft-disallow-counter", "TRUE")  # Outlook: no other time proposed
    return event


def _introduce(event: Event, sender: str) -> None:
    """Who asks whom. The patient has agreed at the unit: no answer is waited for.

    Gmail shows, and Outlook moves and removes, only what has both of them.
    """
    event.add("organizer", vCalAddress(f"mailto:{sender}"))
    attendee = vCalAddress("mailto:[[attendee]]")
    attendee.params["cutype"] = vText("INDIVIDUAL")
    attendee.params["role"] = vText("REQ-PARTICIPANT")
    attendee.params["partstat"] = vText("ACCEPTED")
    attendee.params["rsvp"] = vText("FALSE")
    event.add("attendee", attendee)


def _description(words: Words) -> str:
    needs = [words("needs.identify"), words("needs.devices")]
    opens = words("event.open", link="[[link]]")
    return "\n\n".join([opens, words("then.invitation"), *needs])


def _alarm(words: Words) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", words("event.alarm"))
    alarm.add("trigger", ALARM)
    return alarm


@cache
def _time_zone() -> Timezone:
    """As the EU's rule, which calendars read more surely than a list of days."""
    text = (files("services.invitation") / "templates" / "helsinki.ics").read_text(
        "utf-8"
    )
    zone = Timezone.from_ical(text)
    assert isinstance(zone, Timezone)  # noqa: S101 - it is our own file
    return zone


def _unfolded(calendar: Calendar) -> str:
    written: bytes = calendar.to_ical()
    return written.decode().replace("\r\n ", "")


def _folded(line: str) -> str:
    if len(line.encode()) <= LONGEST_LINE:
        return line
    written: bytes = Contentline(line).to_ical()  # type: ignore[no-untyped-call]
    return written.decode()
