"""An e-mail as it travels: put together from what was made before, and still a good e-mail."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import unescape
from html.parser import HTMLParser
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.booking import AppointmentBooked
from contract.invitation import Kind
from services.invitation import words
from services.invitation.domain import Appointment, Delivery
from services.invitation.letter import LetterWriter
from services.invitation.link import Links
from services.invitation.mail import Desk, quoted
from services.invitation.skeleton import Skeleton
from tests.invitation.office import (
    NOON,
    ORIGIN,
    SECRET,
    UNIT,
    Office,
    booking,
    email_of,
)

PHONE, PAGE = "+358 6 123 4567", "https://testby.example/kontakt?a=1&b=2"
WITHOUT_ENTRY = [Kind.REMINDER, Kind.DELAY]


@pytest.fixture(scope="module")
def desk() -> Desk:
    catalogue = words.load()
    letters = LetterWriter(catalogue)
    return Desk(Links(SECRET, ORIGIN), letters, catalogue, "Testå <t@visit.test>")


def delivery(
    kind: Kind = Kind.INVITATION, number: int = 1, minutes: int = 10
) -> Delivery:
    return Delivery(
        delivery_id=UUID(int=number),
        kind=kind,
        revision=1,
        link_digest="0" * 64,
        created_at=NOON,
        wanted_at=NOON,
        due_at=NOON,
        minutes=minutes,
    )


def appointment(**changes: Any) -> Appointment:
    return Appointment("testi-1").after(booking(**changes))


def read(content: bytes) -> EmailMessage:
    return cast("EmailMessage", message_from_bytes(content, policy=default))


def bodies(mail: EmailMessage) -> tuple[str, str]:
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()


class Hrefs(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.to: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.to += [
            value or "" for name, value in attrs if tag == "a" and name == "href"
        ]


@pytest.mark.parametrize("kind", Kind)
def test_it_is_ascii_in_short_lines_and_parses_without_a_defect(
    desk: Desk, kind: Kind
) -> None:
    content = desk.write(appointment(), delivery(kind)).content
    assert content.isascii()
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    for part in read(content).walk():
        assert part.defects == []


def test_written_twice_it_is_the_same_mail(desk: Desk) -> None:
    booked = appointment()
    assert desk.write(booked, delivery()) == desk.write(booked, delivery())


def test_what_is_said_of_one_appointment_stands_in_one_thread(desk: Desk) -> None:
    first, second = (
        read(desk.write(appointment(), delivery(number=each)).content)
        for each in (1, 2)
    )
    assert first["Message-ID"] != second["Message-ID"]
    assert first["References"] == second["References"]
    assert "0" * 64 not in first["References"]


@pytest.mark.parametrize("kind", WITHOUT_ENTRY)
def test_what_changes_no_time_carries_no_calendar_entry(desk: Desk, kind: Kind) -> None:
    mail = read(desk.write(appointment(), delivery(kind)).content)
    assert [each.get_content_type() for each in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_an_address_with_letters_needs_a_server_that_takes_them(desk: Desk) -> None:
    patient = {"name": "Testi-Ö", "email": "örjan@exämple.test", "language": "sv"}
    mail = desk.write(appointment(patient=patient), delivery())
    assert mail.recipient == "örjan@xn--exmple-cua.test"
    assert "To: örjan@xn--exmple-cua.test\r\n".encode() in mail.content


def test_a_letter_tells_how_to_reach_the_unit(desk: Desk) -> None:
    unit = {**UNIT, "phone": PHONE, "url": PAGE}
    text, html = bodies(read(desk.write(appointment(unit=unit), delivery()).content))
    assert {PHONE, PAGE} <= {line.partition(" ")[2] for line in text.splitlines()}
    assert {"tel:+35861234567", PAGE} <= set(Hrefs(html).to)


IN_A_LIST = 150  # characters of a letter that a list of messages shows at most


@pytest.mark.parametrize("kind", Kind)
def test_a_list_of_messages_shows_nothing_of_the_unit(desk: Desk, kind: Kind) -> None:
    mail = desk.write(appointment(), delivery(kind)).content
    text, html = bodies(read(mail))
    body = html.partition("<body")[2]
    seen = unescape(re.sub(r"<!--.*?-->|<[^>]*>", "", f"<body{body}"))
    for shown in (" ".join(text.split()), seen):
        assert "Testi-enhet" in shown
        assert "Testi" not in shown[:IN_A_LIST]


def test_a_unit_that_told_nothing_is_named_only(desk: Desk) -> None:
    text, html = bodies(read(desk.write(appointment(), delivery()).content))
    assert "Telefon" not in text + html
    assert "[[" not in text + html


async def test_how_to_reach_the_unit_is_kept_until_the_letter_is_written(
    office: Office,
) -> None:
    booked = await office.book(unit={**UNIT, "phone": PHONE, "url": PAGE})
    await office.deliver()
    (mail,) = office.mails(email_of(booked))
    text, _ = bodies(mail)
    assert PHONE in text
    assert PAGE in text


async def test_another_number_to_call_is_no_news(office: Office) -> None:
    booked = await office.book()
    await office.deliver()
    unit = {**booked.unit.model_dump(), "phone": PHONE}
    again = booked.model_dump(mode="json") | {"unit": unit, "sequence": 1}
    await office.invitations.changed(AppointmentBooked.model_validate(again))
    await office.deliver()
    assert len(office.mails(email_of(booked))) == 1


def test_a_delay_says_about_how_long_in_steps_of_five(desk: Desk) -> None:
    mail = read(desk.write(appointment(), delivery(Kind.DELAY, minutes=11)).content)
    text, html = bodies(mail)
    for body in (text, html):
        assert "ungefär 15 minuter" in body
    assert "15" not in mail["Subject"]


def test_a_delay_that_is_over_is_told_too(desk: Desk) -> None:
    mail = read(desk.write(appointment(), delivery(Kind.DELAY, minutes=0)).content)
    assert bodies(mail)[0].startswith("Vi är inte längre försenade")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r")))
def test_what_is_quoted_reads_as_it_was(text: str) -> None:
    head = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    whole = quoted(text) + quoted("; and more.\n")
    mail = message_from_bytes((head + whole).encode(), policy=default)
    assert mail.get_payload(decode=True).decode() == (  # type: ignore[union-attr]
        f"{text}; and more.\n".replace("\n", "\r\n")
    )
    assert all(len(line) <= 76 for line in whole.split("\r\n"))


def test_a_skeleton_leaves_out_what_has_no_value() -> None:
    skeleton = Skeleton.of("a [[x]][[?y]] and [[y]][[/y]].")
    assert skeleton.filled({"x": "1", "y": ""}) == "a 1."
    assert skeleton.filled({"x": "1", "y": "2"}) == "a 1 and 2."


def test_what_fills_a_gap_opens_no_other() -> None:
    skeleton = Skeleton.of("[[x]]", gap=str.upper)
    assert skeleton.filled({"x": "[[x]]"}) == "[[X]]"
