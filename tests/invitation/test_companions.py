"""A companion has an invitation and a link of their own, and hears what the patient hears."""

from datetime import timedelta
from email.message import EmailMessage
from hashlib import sha256
from typing import Any

import pytest
from pydantic import SecretStr

from contract.booking import AppointmentBooked, CompanionRole, Language
from services.invitation.link import Links
from tests.invitation.office import (
    HALF_HOUR,
    ORIGIN,
    SECRET,
    TEN,
    Office,
    PatientsCalendar,
    booking,
    calendar_of,
    cancelled,
    email_of,
    moved,
)

ROLES: list[CompanionRole] = ["interpreter", "relative", "professional"]


def companion(
    booked: AppointmentBooked, role: CompanionRole, **more: Any
) -> dict[str, Any]:
    """Someone with an address of their own at this appointment."""
    address = f"{role}-{booked.appointment_id}@example.test"
    return {"name": "Testi-Tulkki", "email": address, "role": role, **more}


def asking(booked: AppointmentBooked, *companions: dict[str, Any]) -> AppointmentBooked:
    return AppointmentBooked.model_validate(
        {
            **booked.model_dump(mode="python"),
            "sequence": booked.sequence + 1,
            "event_id": f"{booked.event_id}-{len(companions)}-{booked.sequence}",
            "companions": companions,
        }
    )


async def asked(
    office: Office, *roles: CompanionRole, **more: Any
) -> AppointmentBooked:
    """Booked with these companions, and everybody told."""
    booked = booking()
    said = asking(booked, *(companion(booked, each, **more) for each in roles))
    await office.invitations.changed(said)
    await office.deliver()
    return said


def letters(office: Office, booked: AppointmentBooked, role: str) -> list[EmailMessage]:
    return office.mails(f"{role}-{booked.appointment_id}@example.test")


def text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def link_in(mail: EmailMessage) -> str:
    return next(each for each in text(mail).split() if f"{ORIGIN}/v/" in each)


def token(mail: EmailMessage) -> str:
    return link_in(mail).removeprefix(f"{ORIGIN}/v/").partition("?")[0]


async def issued(office: Office, booked: AppointmentBooked) -> list[dict[str, Any]]:
    said = await office.said(booked.appointment_id)
    return [value for topic, value in said if topic == "invitation.issued"]


async def test_each_is_invited_by_a_link_of_their_own(office: Office) -> None:
    booked = await asked(office, *ROLES)
    mails = {role: mail for role in ROLES for mail in letters(office, booked, role)}
    assert len(mails) == len(ROLES)
    (patients,) = office.mails(email_of(booked))
    assert len({token(each) for each in (patients, *mails.values())}) == 4


async def test_the_digest_of_each_link_is_said_with_its_role(office: Office) -> None:
    booked = await asked(office, *ROLES)
    said = {
        each.get("role"): each["link_digest"] for each in await issued(office, booked)
    }
    (patients,) = office.mails(email_of(booked))
    expected = {None: sha256(token(patients).encode()).hexdigest()}
    for role in ROLES:
        (mail,) = letters(office, booked, role)
        expected[role] = sha256(token(mail).encode()).hexdigest()
    assert said == expected


def test_a_companions_link_is_not_the_patients_at_the_same_address() -> None:
    links, address = Links(SECRET, ORIGIN), SecretStr("testi@example.test")
    digests = {links.digest("a-1", address, role) for role in (None, *ROLES)}
    assert len(digests) == 4


async def test_that_a_companions_mail_was_sent_is_said_with_the_role(
    office: Office,
) -> None:
    booked = await asked(office, "interpreter")
    said = await office.said(booked.appointment_id)
    sent = [value.get("role") for topic, value in said if topic == "invitation.sent"]
    assert sorted(map(str, sent)) == ["None", "interpreter"]


async def test_a_companions_mail_that_is_refused_fails_theirs_and_not_the_patients(
    office: Office,
) -> None:
    booked = booking()
    said = asking(booked, companion(booked, "interpreter"))
    office.server.answers(
        f"interpreter-{booked.appointment_id}@example.test", "550 5.1.1 unknown"
    )
    await office.invitations.changed(said)
    await office.deliver()
    told = await office.said(booked.appointment_id)
    failed = [value for topic, value in told if topic == "invitation.failed"]
    assert [each["role"] for each in failed] == ["interpreter"]
    assert len(office.mails(email_of(booked))) == 1


async def test_a_move_and_a_cancellation_reach_everybody_once(office: Office) -> None:
    booked = await asked(office, "interpreter", "relative")
    await office.invitations.changed(moved(booked, 5, hours=2))
    await office.deliver()
    await office.invitations.changed(cancelled(booked, 6))
    await office.deliver()
    for mails in (
        office.mails(email_of(booked)),
        letters(office, booked, "interpreter"),
        letters(office, booked, "relative"),
    ):
        methods = [calendar_of(each)["method"] for each in mails]
        assert methods == ["REQUEST", "REQUEST", "CANCEL"]
        calendar = PatientsCalendar()
        for each in mails:
            calendar.read(each)
        assert calendar.events == []


async def test_a_new_companion_is_no_news_to_the_others(office: Office) -> None:
    booked = await asked(office, "interpreter")
    more = asking(
        booked, companion(booked, "interpreter"), companion(booked, "relative")
    )
    await office.invitations.changed(more)
    await office.deliver()
    assert len(office.mails(email_of(booked))) == 1
    assert len(letters(office, booked, "interpreter")) == 1
    assert len(letters(office, booked, "relative")) == 1


async def test_who_is_asked_no_longer_is_told_so_and_their_link_is_withdrawn(
    office: Office,
) -> None:
    booked = await asked(office, "interpreter", "relative")
    await office.invitations.changed(asking(booked, companion(booked, "relative")))
    await office.deliver()
    methods = [
        calendar_of(each)["method"] for each in letters(office, booked, "interpreter")
    ]
    assert methods == ["REQUEST", "CANCEL"]
    assert len(letters(office, booked, "relative")) == 1
    assert len(office.mails(email_of(booked))) == 1
    last = (await issued(office, booked))[-1]
    assert last["role"] == "interpreter"
    assert last["expires_at"].startswith(office.clock().strftime("%Y-%m-%dT%H:%M:%S"))


async def test_who_is_asked_again_has_the_same_link_and_it_is_said_anew(
    office: Office,
) -> None:
    booked = await asked(office, "interpreter")
    without = asking(booked)
    await office.invitations.changed(without)
    await office.deliver()
    office.clock.forward(minutes=5)
    await office.invitations.changed(asking(without, companion(booked, "interpreter")))
    await office.deliver()
    first, off, again = letters(office, booked, "interpreter")
    assert calendar_of(off)["method"] == "CANCEL"
    assert token(again) == token(first)
    words = [each for each in await issued(office, booked) if each.get("role")]
    assert words[-1]["expires_at"] == words[0]["expires_at"]


async def test_the_same_companion_twice_in_a_booking_is_asked_once(
    office: Office,
) -> None:
    booked = booking()
    one = companion(booked, "interpreter")
    other = {**one, "email": str(one["email"]).upper()}
    await office.invitations.changed(asking(booked, one, other))
    await office.deliver()
    assert len(letters(office, booked, "interpreter")) == 1


async def test_a_booking_that_comes_after_its_move_invites_to_the_moved_time(
    office: Office,
) -> None:
    booked = booking()
    await office.invitations.changed(moved(booked, 7, hours=3))
    await office.invitations.changed(asking(booked, companion(booked, "interpreter")))
    await office.deliver()
    (mail,) = letters(office, booked, "interpreter")
    (event,) = calendar_of(mail).walk("VEVENT")
    assert event.decoded("dtstart") == TEN + timedelta(hours=3)


async def test_a_slow_address_does_not_hold_up_the_others(office: Office) -> None:
    booked = booking()
    address = f"interpreter-{booked.appointment_id}@example.test"
    office.server.answers(address, "451 4.7.1 later")
    await office.invitations.changed(asking(booked, companion(booked, "interpreter")))
    await office.deliver()
    assert len(office.mails(email_of(booked))) == 1
    assert letters(office, booked, "interpreter") == []
    office.clock.forward(minutes=1)
    await office.deliver()
    assert len(letters(office, booked, "interpreter")) == 1
    assert len(office.mails(email_of(booked))) == 1


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("role", ROLES)
async def test_the_letter_says_as_what_in_the_companions_language_and_nobodys_name(
    office: Office, role: CompanionRole, language: Language
) -> None:
    booked = await asked(office, role, language=language)
    (mail,) = letters(office, booked, role)
    assert mail["Content-Language"] == language
    words = office.catalogue[language]
    assert words(f"as.{role}") in text(mail)
    assert words("companion.title.invitation") in text(mail)
    assert "Testi-Patient" not in mail.as_string()
    assert "Testi-Tulkki" not in mail.as_string()
    (event,) = calendar_of(mail).walk("VEVENT")
    assert event.decoded("dtend") - event.decoded("dtstart") == HALF_HOUR


async def test_a_companion_without_a_language_is_written_to_in_the_patients(
    office: Office,
) -> None:
    booked = await asked(office, "relative")
    (mail,) = letters(office, booked, "relative")
    assert mail["Content-Language"] == booked.patient.language


async def test_patient_and_companion_of_one_mailbox_have_two_entries(
    office: Office,
) -> None:
    booked = booking()
    same = companion(booked, "relative", email=email_of(booked))
    await office.invitations.changed(asking(booked, same))
    await office.deliver()
    mails = office.mails(email_of(booked))
    uids = {str(calendar_of(each).walk("VEVENT")[0]["uid"]) for each in mails}
    assert len(mails) == len(uids) == 2
