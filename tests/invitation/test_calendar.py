"""One appointment is one entry in the patient's calendar, and none when it is off."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations, product
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from contract.booking import AppointmentBooked, CompanionRole, Language
from services.invitation import words
from services.invitation.calendar import Entries
from services.invitation.domain import Appointment
from services.invitation.form import WITH_ENTRY, Key, Wording
from tests.invitation.calendars import PARSERS, Entry, Parser, held
from tests.invitation.office import (
    NOON,
    TEN,
    Office,
    booking,
    cancelled,
    email_of,
    moved,
)

HELSINKI = ZoneInfo("Europe/Helsinki")
CATALOGUE = words.load()
ENTRIES = Entries(CATALOGUE, "visit.test", "t@visit.test")
LINK = "https://visit.test/v/abcdefghijklmnopqrstuv?lang=sv"
each_parser = pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)
every_language = pytest.mark.parametrize("language", Language)


def written(
    wording: Wording = Wording.INVITATION,
    language: Language = Language.SWEDISH,
    **changes: Any,
) -> str:
    appointment = Appointment("testi-1").after(booking(**changes))
    key = Key(language, wording, to_companion=False)
    return ENTRIES.write(appointment, key, LINK, NOON)


async def told(office: Office) -> AppointmentBooked:
    """Booked, moved, moved again and called off; each is delivered."""
    booked = await office.book()
    await office.deliver()
    for change in (moved(booked, 1, 2), moved(booked, 2, 5), cancelled(booked, 3)):
        office.clock.forward(minutes=1)
        await office.invitations.changed(change)
        await office.deliver()
    return booked


def entries_of(office: Office, booked: AppointmentBooked) -> list[str]:
    """As they stand in the mails, oldest first."""
    found = []
    for mail in office.mails(email_of(booked)):
        (part,) = (
            each for each in mail.walk() if each.get_content_type() == "text/calendar"
        )
        text = str(part.get_content()).replace("\r\n", "\n").replace("\n", "\r\n")
        assert f"METHOD:{part.get_param('method')}\r\n" in text
        found.append(text)
    return found


@each_parser
async def test_booked_moved_and_moved_is_one_event_and_called_off_is_none(
    office: Office, parse: Parser
) -> None:
    booked = await told(office)
    entries = parse(entries_of(office, booked))
    assert [each.method for each in entries] == [*3 * ["REQUEST"], "CANCEL"]

    shown = [held(entries[: number + 1]) for number in range(4)]
    assert [len(each) for each in shown] == [1, 1, 1, 0]
    (event,) = shown[2]
    assert (event.starts, event.sequence) == (TEN + timedelta(hours=5), 2)
    assert len({each.uid for each in entries}) == 1


@each_parser
async def test_in_whatever_order_and_however_often_they_come(
    office: Office, parse: Parser
) -> None:
    booked = await told(office)
    *asked, off = parse(entries_of(office, booked))
    for order in permutations([*asked, off, asked[0]]):
        assert held(order) == []
    for order in permutations([*asked, asked[0]]):
        assert [each.sequence for each in held(order)] == [2]


@each_parser
async def test_what_is_booked_again_is_shown_again(
    office: Office, parse: Parser
) -> None:
    booked = await told(office)
    office.clock.forward(minutes=1)
    again = booked.model_dump(mode="json") | {"sequence": 4}
    await office.invitations.changed(AppointmentBooked.model_validate(again))
    await office.deliver()
    (event,) = held(parse(entries_of(office, booked)))
    assert (event.starts, event.sequence) == (TEN, 4)


@each_parser
async def test_a_companion_of_the_same_mailbox_has_an_entry_of_their_own(
    office: Office, parse: Parser
) -> None:
    first = booking()
    together = [{"name": "Testi", "email": email_of(first), "role": "relative"}]
    booked = await office.book(
        patient=first.patient.model_dump(mode="json"), companions=together
    )
    await office.deliver()
    assert len(held(parse(entries_of(office, booked)))) == 2


@each_parser
@every_language
def test_every_parser_reads_the_same(parse: Parser, language: Language) -> None:
    say = CATALOGUE[language]
    (entry,) = parse([written(language=language)])
    assert entry == Entry(
        method="REQUEST",
        uid="testi-1@visit.test",
        sequence=0,
        written=NOON,
        starts=TEN,
        ends=TEN + timedelta(minutes=30),
        status="CONFIRMED",
        summary=say("event.title"),
        description="\n\n".join(
            [
                say("event.open", link=LINK),
                say("then.invitation"),
                say("needs.identify"),
                say("needs.devices"),
            ]
        ),
        organizer="mailto:t@visit.test",
        attendee=entry.attendee,
        alarm=-30,
    )
    assert entry.attendee.startswith("mailto:testi-patient-")


@each_parser
def test_a_cancellation_names_whom_and_rings_no_bell(parse: Parser) -> None:
    (entry,) = parse([written(Wording.CANCELLATION)])
    assert (entry.method, entry.status, entry.alarm) == ("CANCEL", "CANCELLED", None)
    assert entry.attendee.startswith("mailto:testi-patient-")
    assert LINK not in written(Wording.CANCELLATION)


TURNS = [datetime(2026, 10, 25), datetime(2027, 3, 28), datetime(2037, 10, 25)]  # noqa: DTZ001


def around(turn: datetime) -> Sequence[datetime]:
    """Nine in the morning, the day before, on and after a turn of the clocks."""
    days = [turn + timedelta(days=each) for each in (-1, 0, 1)]
    return [day.replace(hour=9, tzinfo=HELSINKI).astimezone(UTC) for day in days]


@each_parser
def test_nine_is_nine_on_both_sides_of_a_turn_of_the_clocks(parse: Parser) -> None:
    starts = [at for turn in TURNS for at in around(turn)]
    entries = parse(
        [written(starts_at=at, ends_at=at + timedelta(minutes=30)) for at in starts]
    )
    assert [each.starts for each in entries] == starts
    assert {at.hour for at in starts} == {6, 7}


ODD = ["testi+video@example.test", "testi.o'brien@example.test", "örjan@example.test"]


@each_parser
@pytest.mark.parametrize("email", ODD)
def test_an_odd_address_stays_one_address(parse: Parser, email: str) -> None:
    patient = {"name": "Testi", "email": email, "language": "fi"}
    (entry,) = parse([written(patient=patient)])
    assert entry.attendee == f"mailto:{email.replace('ö', '%C3%B6')}"


@pytest.mark.parametrize(
    ("wording", "language"), list(product(sorted(WITH_ENTRY), Language))
)
def test_no_line_is_longer_than_75_bytes_and_none_breaks_a_letter(
    wording: Wording, language: Language
) -> None:
    lines = written(wording, language).encode().split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert all(line.decode() for line in lines[:-1])
    assert lines[-1] == b""


@pytest.mark.parametrize("role", get_args(CompanionRole))
def test_what_is_told_to_a_companion_is_theirs(role: CompanionRole) -> None:
    companion = {"name": "Testi", "email": "testi-tulkki@example.test", "role": role}
    appointment = Appointment("testi-1").after(booking(companions=[companion]))
    _, seen = appointment.views()
    key = Key(Language.SWEDISH, Wording.CANCELLATION, to_companion=True)
    text = ENTRIES.write(seen, key, LINK, NOON)
    assert f"UID:testi-1.{role}@visit.test" in text
    assert CATALOGUE[Language.SWEDISH]("companion.event.cancelled") in text
