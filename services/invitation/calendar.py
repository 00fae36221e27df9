"""The calendar entry: one appointment, one entry, whatever happens to it.

UID is the appointment, SEQUENCE its change, METHOD what the calendar is to do.
Other people may see a calendar, so it says neither the unit nor what the visit is for.
Sources: RFC 5545 (iCalendar), RFC 5546 (REQUEST and CANCEL).
"""

from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

from icalendar import Alarm, Calendar, Event, Timezone, vCalAddress, vText

from contract.invitation import Kind
from services.invitation.domain import Appointment
from services.invitation.words import HELSINKI, Words

ALARM = timedelta(minutes=-30)  # the texts say so in words
PRODUCT = "-//Videomottagning//Invitation//EN"


def method(kind: Kind) -> str:
    return "CANCEL" if kind is Kind.CANCELLATION else "REQUEST"


def entry(
    appointment: Appointment,
    kind: Kind,
    words: Words,
    *,
    link: str,
    host: str,
    sender: str,
    written_at: datetime,
) -> bytes:
    """The entry as it is attached. `sender` is an address, `host` makes the UID ours."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method(kind))
    calendar.add_component(_time_zone())
    event = _event(appointment, f"{_entry(appointment)}@{host}", written_at)
    _introduce(event, appointment, sender)
    event.add("summary", words("event.title"))
    event.add("location", words("event.place"))
    if kind is Kind.CANCELLATION:
        event.add("status", "CANCELLED")
        event.add("description", _cancelled(appointment, words))
    else:
        event.add("status", "CONFIRMED")
        event.add("description", _description(words, link))
        event.add("url", link)
        event.add_component(_alarm(words))
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def _entry(appointment: Appointment) -> str:
    """One entry for each: a companion may share the patient's mailbox."""
    recipient, _ = appointment.known()
    role = f".{recipient.role}" if recipient.role else ""
    return f"{appointment.appointment_id}{role}"


def _cancelled(appointment: Appointment, words: Words) -> str:
    recipient, _ = appointment.known()
    return words("companion.event.cancelled" if recipient.role else "event.cancelled")


def file_name(words: Words) -> str:
    return f"{words('event.file')}.ics"


def _event(appointment: Appointment, uid: str, written_at: datetime) -> Event:
    _, times = appointment.known()
    event = Event()
    event.add("uid", uid)
    event.add("sequence", appointment.sequence)
    event.add("dtstamp", written_at)
    event.add("dtstart", times.starts_at.astimezone(HELSINKI))
    event.add("dtend", times.ends_at.astimezone(HELSINKI))
    event.add("class", "PRIVATE")
    event.add("transp", "OPAQUE")
    return event


def _introduce(event: Event, appointment: Appointment, sender: str) -> None:
    """Who asks whom. The patient has agreed at the unit: no answer is waited for."""
    recipient, _ = appointment.known()
    event.add("organizer", vCalAddress(f"mailto:{sender}"))
    attendee = vCalAddress(f"mailto:{recipient.email.get_secret_value()}")
    attendee.params["role"] = vText("REQ-PARTICIPANT")
    attendee.params["partstat"] = vText("ACCEPTED")
    attendee.params["rsvp"] = vText("FALSE")
    event.add("attendee", attendee)


def _description(words: Words, link: str) -> str:
    needs = [words("needs.identify"), words("needs.devices")]
    return "\n\n".join([words("event.open", link=link), words("open.when"), *needs])


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
