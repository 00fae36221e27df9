"""What a patient reads: three languages, one button, nothing about health."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from email.message import EmailMessage
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any, get_args

import pytest

from contract.booking import CompanionRole, Language
from services.invitation.calendar import Entries, file_name
from services.invitation.domain import Appointment
from services.invitation.form import Wording
from services.invitation.letter import LetterWriter
from services.invitation.words import Words
from tests.invitation.office import (
    ORIGIN,
    Office,
    booking,
    calendar_of,
    cancelled,
    email_of,
)

LANGUAGES = list(Language)
FOLDER = files("services.invitation")


def texts(language: Language) -> dict[str, str]:
    text = (FOLDER / "texts" / f"{language}.json").read_text("utf-8")
    found: dict[str, str] = json.loads(text)
    return found


class Links(HTMLParser):
    """The links of a page, and what else it would load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.to: list[str] = []
        self.tags: Counter[str] = Counter()
        self.loads: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            if name == "href":
                self.to.append(value or "")
            if name in {"src", "background", "srcset"}:
                self.loads.append(value or "")


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


async def invited(office: Office, language: Language) -> EmailMessage:
    appointment = booking()
    patient = {**appointment.patient.model_dump(mode="json"), "language": language}
    booked = await office.book(patient=patient)
    await office.deliver()
    (mail,) = office.mails(email_of(booked))
    return mail


SUBJECTS = {
    "sv": "Din tidsbokning måndag 23 november kl. 10.00",
    "fi": "Ajanvarauksesi maanantaina 23. marraskuuta klo 10.00",
    "en": "Your appointment on Monday 23 November at 10:00",
}
WHEN = {
    "sv": ("Måndag 23 november 2026", "kl. 10.00\u201310.30", "Testi-enhet"),
    "fi": ("Maanantaina 23. marraskuuta 2026", "klo 10.00\u201310.30", "Testi-yksikkö"),
    "en": ("Monday 23 November 2026", "10:00\u201310:30", "Testi unit"),
}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_patient_reads_it_in_their_own_language(
    office: Office, language: Language
) -> None:
    mail = await invited(office, language)
    assert mail["Subject"] == SUBJECTS[language]
    assert mail["Content-Language"] == language
    for body in (part(mail, "plain"), part(mail, "html")):
        for expected in (*WHEN[language], texts(language)["needs.identify"]):
            assert expected in body


@pytest.mark.parametrize("language", LANGUAGES)
async def test_one_button_opens_the_visit_and_the_text_has_the_same_link(
    office: Office, language: Language
) -> None:
    mail = await invited(office, language)
    html = Links(part(mail, "html"))
    (link,) = html.to
    assert re.fullmatch(rf"{ORIGIN}/v/[\w-]{{22}}\?lang={language}", link)
    assert link in part(mail, "plain").split()


async def test_the_e_mail_needs_nothing_from_elsewhere(office: Office) -> None:
    mail = await invited(office, Language.SWEDISH)
    html = Links(part(mail, "html"))
    assert html.loads == []
    assert not html.tags.keys() & {"img", "script", "link", "iframe", "form"}
    assert not re.search(r"url\(|@import|@font-face|googleapis", part(mail, "html"))


async def test_neither_name_nor_professional_nor_kind_of_care_is_written(
    office: Office,
) -> None:
    mail = await invited(office, Language.FINNISH)
    whole = "".join(
        str(each.get_content()) for each in mail.walk() if not each.is_multipart()
    )
    for hidden in ("Testi-Patient", "Testi-Läkare", "general", "oral_health"):
        assert hidden not in whole + str(mail)


async def test_neither_subject_nor_preview_nor_calendar_names_the_unit(
    office: Office,
) -> None:
    mail = await invited(office, Language.ENGLISH)
    preview = part(mail, "html").split("display:none")[1].split("</div>")[0]
    for shown in (mail["Subject"], preview, calendar_of(mail).to_ical().decode()):
        assert "Testi unit" not in shown


async def test_the_head_says_that_a_machine_wrote_it(office: Office) -> None:
    mail = await invited(office, Language.SWEDISH)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["From"] == "Testi <t@visit.test>"
    assert mail["Message-ID"].endswith("@visit.test>")
    assert mail["Date"].datetime == office.clock()


async def test_what_a_unit_is_called_cannot_write_html(office: Office) -> None:
    name = dict.fromkeys(("sv", "fi", "en"), "Testi <b>& Co</b>")
    booked = await office.book(unit={"id": "u-1", "name": name})
    await office.deliver()
    (mail,) = office.mails(email_of(booked))
    assert "b" not in Links(part(mail, "html")).tags
    assert "Testi <b>& Co</b>" in part(mail, "plain")


async def test_a_cancellation_has_no_link(office: Office) -> None:
    booked = await office.book()
    await office.deliver()
    await office.invitations.changed(cancelled(booked, 1))
    await office.deliver()
    _, mail = office.mails(email_of(booked))
    whole = part(mail, "plain") + part(mail, "html") + str(calendar_of(mail).to_ical())
    assert "/v/" not in whole


async def test_the_calendar_entry_is_whole(office: Office) -> None:
    mail = await invited(office, Language.SWEDISH)
    calendar = calendar_of(mail)
    (zone,) = calendar.walk("VTIMEZONE")
    (event,) = calendar.walk("VEVENT")
    (alarm,) = event.walk("VALARM")

    assert (calendar["method"], calendar["version"]) == ("REQUEST", "2.0")
    assert zone["tzid"] == event["dtstart"].params["tzid"] == "Europe/Helsinki"
    assert re.fullmatch(r"testi-\d+@visit\.test", event["uid"])
    assert (event["summary"], event["class"]) == ("Tidsbokning, video", "PRIVATE")
    assert event["organizer"] == "mailto:t@visit.test"
    assert str(event["url"]) in str(event["description"])
    assert alarm["action"] == "DISPLAY"


async def test_the_file_and_the_part_are_the_same_entry(office: Office) -> None:
    mail = await invited(office, Language.FINNISH)
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == "ajanvaraus.ics"
    assert attached.get_content().decode().split() == part_of(mail).split()


def part_of(mail: EmailMessage) -> str:
    (found,) = (
        each for each in mail.walk() if each.get_content_type() == "text/calendar"
    )
    content: Any = found.get_content()
    return str(content)


async def test_summer_time_is_finnish_time(office: Office) -> None:
    booked = await office.book(
        starts_at="2026-07-01T07:00:00Z", ends_at="2026-07-01T07:30:00Z"
    )
    assert await office.deliveries(booked.appointment_id) == []  # long over
    ahead = await office.book(
        starts_at="2027-07-01T07:00:00Z", ends_at="2027-07-01T07:30:00Z"
    )
    await office.deliver()
    (mail,) = office.mails(email_of(ahead))
    assert mail["Subject"] == "Din tidsbokning torsdag 1 juli kl. 10.00"
    (event,) = calendar_of(mail).walk("VEVENT")
    assert event.decoded("dtstart").isoformat() == "2027-07-01T10:00:00+03:00"


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_every_text_and_each_place_in_it(language: Language) -> None:
    def places(text: str) -> set[str]:
        return set(re.findall(r"{(\w+)}", text))

    model, own = texts(Language.ENGLISH), texts(language)
    assert own.keys() == model.keys()
    assert {key: places(own[key]) for key in own} == {
        key: places(model[key]) for key in model
    }
    assert all(own.values())


class Read(dict[str, str]):
    """Texts that know which of them were used."""

    def __init__(self, all_texts: Mapping[str, str]) -> None:
        super().__init__(all_texts)
        self.used: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self.used.add(key)
        return super().__getitem__(key)


def test_no_text_is_unused() -> None:
    read = Read(texts(Language.SWEDISH))
    words = Words(Language.SWEDISH, read)
    catalogue = {words.language: words}
    letters = LetterWriter(catalogue)
    Entries(catalogue, "visit.test", "t@visit.test")
    file_name(words)
    for wording in Wording:
        for role in (None, *get_args(CompanionRole)):
            letters.write(seen_by(role), wording, "", words.language)
    assert read.used == read.keys()


def seen_by(role: CompanionRole | None) -> Appointment:
    companions = [
        {"name": "Testi-Tulkki", "email": "testi-tulkki@example.test", "role": role}
    ]
    appointment = Appointment("testi-1").after(
        booking(companions=companions if role else [])
    )
    return list(appointment.views())[-1]


LONGEST = 15  # words, as plain language has it


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_long(language: Language) -> None:
    sentences = [
        (key, each)
        for key, text in texts(language).items()
        for each in re.split(r"(?<=[.?:])\s", text)
    ]
    assert [each for each in sentences if len(each[1].split()) > LONGEST] == []
