"""Staff mend an address, send again to anybody who is asked, and see the day's list."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from chassis import audit
from chassis.sessions import SigningKey
from contract.booking import AppointmentBooked
from services.invitation.domain import hint
from services.invitation.form import Wording
from tests.invitation.front import Client, as_staff, path
from tests.invitation.office import (
    HALF_HOUR,
    NOON,
    TEN,
    Office,
    booking,
    cancelled,
    email_of,
    moved,
)
from tests.invitation.test_companions import asking, companion, issued, token

RIGHT = "testi.ratt@example.test"


class Staff:
    """A professional of one unit, at the doors."""

    def __init__(self, client: Client, headers: dict[str, str]) -> None:
        self._client = client
        self._headers = headers

    async def asks(
        self, method: str, where: str, told: object = None
    ) -> tuple[int, Any]:
        answer = await self._client.request(
            method, where, json=told, headers=self._headers
        )
        return answer.status, await answer.json()

    async def corrects(
        self, booked: AppointmentBooked, email: str = RIGHT
    ) -> tuple[int, Any]:
        return await self.asks("PUT", path(booked, "/address"), {"email": email})


@pytest.fixture
def professional(office: Office, client: Client, signing: SigningKey) -> Staff:
    return Staff(client, as_staff(office, signing, "u-1"))


@pytest.fixture
def stranger(office: Office, client: Client, signing: SigningKey) -> Staff:
    return Staff(client, as_staff(office, signing, "u-2"))


async def invited(office: Office) -> AppointmentBooked:
    booked = await office.book()
    await office.deliver()
    return booked


def again(
    booked: AppointmentBooked, sequence: int, **patient: Any
) -> AppointmentBooked:
    told = {**booked.patient.model_dump(mode="json"), **patient}
    return booking(
        appointment_id=booked.appointment_id, sequence=sequence, patient=told
    )


async def test_a_corrected_address_gets_the_invitation_with_a_link_of_its_own(
    office: Office, professional: Staff
) -> None:
    booked = await invited(office)
    status, told = await professional.corrects(booked)
    assert status == 200
    assert [each["state"] for each in told["deliveries"]] == ["accepted", "queued"]
    await office.deliver()
    (wrong,), (right,) = office.mails(email_of(booked)), office.mails(RIGHT)
    assert token(right) != token(wrong)


async def test_the_link_to_the_old_address_is_withdrawn_before_the_new_one_is_issued(
    office: Office, professional: Staff
) -> None:
    booked = await invited(office)
    office.clock.forward(minutes=5)
    await professional.corrects(booked)
    first, withdrawn, new = await issued(office, booked)
    assert withdrawn["link_digest"] == first["link_digest"]
    assert withdrawn["expires_at"].startswith(f"{office.clock():%Y-%m-%dT%H:%M:%S}")
    assert new["link_digest"] != first["link_digest"]
    assert new["expires_at"] == first["expires_at"]


async def test_so_it_is_when_a_newer_booking_has_another_address(
    office: Office,
) -> None:
    booked = await invited(office)
    await office.invitations.changed(again(booked, 1, email=RIGHT))
    first, withdrawn, new = await issued(office, booked)
    assert withdrawn["link_digest"] == first["link_digest"] != new["link_digest"]
    assert withdrawn["expires_at"] < first["expires_at"] == new["expires_at"]


async def test_another_name_of_the_unit_is_an_update_with_the_same_link(
    office: Office,
) -> None:
    booked = await invited(office)
    unit = {**booked.unit.model_dump(), "name": {"sv": "Ny", "fi": "Uusi", "en": "New"}}
    said = booking(
        appointment_id=booked.appointment_id,
        sequence=1,
        unit=unit,
        patient=booked.patient.model_dump(mode="json"),
    )
    await office.invitations.changed(said)
    await office.deliver()
    first, update = office.mails(email_of(booked))
    assert token(first) == token(update)
    assert (await office.states(booked.appointment_id))[1] == ("update", "accepted")
    assert len(await issued(office, booked)) == 1


async def test_a_correction_holds_through_moves_and_bookings_with_the_wrong_address(
    office: Office, professional: Staff
) -> None:
    booked = await invited(office)
    await professional.corrects(booked)
    await office.deliver()
    await office.invitations.changed(moved(booked, 1, hours=1))
    await office.deliver()
    await office.invitations.changed(again(booked, 2, language="fi"))
    await office.deliver()
    assert len(office.mails(RIGHT)) == 3
    assert len(office.mails(email_of(booked))) == 1


async def test_a_newer_booking_with_a_third_address_wins_over_the_correction(
    office: Office, professional: Staff
) -> None:
    booked = await invited(office)
    await professional.corrects(booked)
    await office.deliver()
    await office.invitations.changed(again(booked, 1, email="testi-tredje@test.test"))
    await office.deliver()
    assert len(office.mails("testi-tredje@test.test")) == 1
    _, told = await professional.asks("GET", path(booked))
    assert (told["address"], told["corrected"]) == ("t…@t….test", False)


async def test_an_older_booking_with_another_address_does_not(
    office: Office, professional: Staff
) -> None:
    newer = booking(sequence=5)
    await office.invitations.changed(newer)
    await professional.corrects(newer)
    await office.deliver()
    await office.invitations.changed(again(newer, 3, email="testi-old@test.test"))
    await office.deliver()
    assert len(office.mails(RIGHT)) == 1
    assert office.mails("testi-old@test.test") == []


async def test_correcting_back_opens_the_first_link_again(
    office: Office, professional: Staff
) -> None:
    booked = await invited(office)
    await professional.corrects(booked)
    await office.deliver()
    await professional.corrects(booked, email_of(booked))
    await office.deliver()
    first, update = office.mails(email_of(booked))
    assert token(first) == token(update)
    last = (await issued(office, booked))[-1]
    assert last == (await issued(office, booked))[0]


async def test_the_same_address_again_is_no_news(
    office: Office, professional: Staff
) -> None:
    booked = await invited(office)
    for _ in range(2):
        status, _ = await professional.corrects(booked, f" {email_of(booked).upper()} ")
        assert status == 200
    await office.deliver()
    assert len(office.mails(email_of(booked))) == 1


@pytest.mark.parametrize(
    "email",
    [
        "",
        "nobody",
        "a@b",
        "a b@example.test",
        "a@example.test,b@example.test",
        "Testi <a@example.test>",
        "a@example.test\r\nBcc: b@example.test",
        "a..b@example.test",
        f"{'a' * 250}@example.test",
    ],
)
async def test_what_is_no_address_is_refused_and_not_repeated(
    office: Office, professional: Staff, email: str
) -> None:
    booked = await invited(office)
    status, told = await professional.corrects(booked, email)
    assert (status, told["code"]) == (422, "address_invalid")
    assert "example" not in str(told)
    assert len(await office.deliveries(booked.appointment_id)) == 1


async def test_letters_beyond_ascii_are_taken(
    office: Office, professional: Staff
) -> None:
    booked = await invited(office)
    status, _ = await professional.corrects(booked, "testi.åsa@exämple.test")
    assert status == 200


async def test_no_door_shows_an_address_whole(
    office: Office, professional: Staff
) -> None:
    booked = await invited(office)
    for told in (
        await professional.corrects(booked),
        await professional.asks("GET", path(booked)),
        await professional.asks("GET", "/invitation/api/appointments?on=2026-11-23"),
    ):
        assert RIGHT not in str(told)
        assert email_of(booked) not in str(told)
    _, standing = await professional.asks("GET", path(booked))
    assert (standing["address"], standing["corrected"]) == ("t…@e….test", True)


@pytest.mark.parametrize(
    ("email", "shown"),
    [("anna@example.fi", "a…@e….fi"), ("nobody", "…"), ("a@local", "…")],
)
def test_a_hint_is_as_much_as_tells_whether_it_is_the_right_one(
    email: str, shown: str
) -> None:
    assert hint(SecretStr(email)) == shown


async def test_a_correction_is_audited_by_ids(
    office: Office, professional: Staff
) -> None:
    booked = await invited(office)
    await professional.corrects(booked)
    await office.deliver()
    await professional.asks("POST", path(booked, "/resend"))
    async with office.database.reading() as tx:
        kept = await audit.of_appointment(tx, booked.appointment_id)
    assert [(each.line.what, each.line.who) for each in kept] == [
        ("address_corrected", "p-1"),
        ("sent_again", "p-1"),
    ]
    assert not [each for each in kept if "@" in str(each.line)]


async def test_another_units_address_is_not_mended(
    office: Office, stranger: Staff
) -> None:
    booked = await invited(office)
    status, told = await stranger.corrects(booked)
    assert (status, told["code"]) == (404, "appointment_unknown")


async def test_what_is_cancelled_or_over_is_not_mended(
    office: Office, client: Client, signing: SigningKey, professional: Staff
) -> None:
    off, over = await invited(office), await invited(office)
    await office.invitations.changed(cancelled(off, 1))
    status, told = await professional.corrects(off)
    assert (status, told["code"]) == (409, "appointment_cancelled")
    office.clock.at = TEN + HALF_HOUR
    later = Staff(client, as_staff(office, signing, "u-1"))
    status, told = await later.corrects(over)
    assert (status, told["code"]) == (409, "appointment_over")


async def test_an_address_is_mended_seldom(office: Office, professional: Staff) -> None:
    booked = await invited(office)
    answers = [
        await professional.corrects(booked, f"testi{n}@example.test") for n in range(11)
    ]
    assert [status for status, _ in answers] == [200] * 10 + [429]


# Sending again.


async def test_it_is_sent_again_to_a_companion_by_name(
    office: Office, professional: Staff
) -> None:
    booked = booking()
    said = asking(
        booked, companion(booked, "interpreter"), companion(booked, "relative")
    )
    await office.invitations.changed(said)
    await office.deliver()
    _, told = await professional.asks("GET", path(booked))
    names = {each["role"]: each["recipient"] for each in told["recipients"]}
    assert names[None] == "patient"
    status, after = await professional.asks(
        "POST", path(booked, "/resend"), {"recipient": names["interpreter"]}
    )
    assert status == 202
    assert {each["role"]: each["not_again"] for each in after["recipients"]} == {
        None: None,
        "interpreter": "already_on_its_way",
        "relative": None,
    }
    await office.deliver()
    assert len(office.mails(f"interpreter-{booked.appointment_id}")) == 2
    assert len(office.mails(f"relative-{booked.appointment_id}")) == 1
    assert len(office.mails(email_of(booked))) == 1


async def test_who_is_asked_no_longer_is_not_written_to_again(
    office: Office, professional: Staff
) -> None:
    booked = booking()
    said = asking(booked, companion(booked, "interpreter"))
    await office.invitations.changed(said)
    await office.deliver()
    await office.invitations.changed(asking(said))
    await office.deliver()
    _, told = await professional.asks("GET", path(booked))
    _, other = told["recipients"]
    assert other["not_again"] == "not_asked"
    status, no = await professional.asks(
        "POST", path(booked, "/resend"), {"recipient": other["recipient"]}
    )
    assert (status, no["code"]) == (409, "not_asked")


async def test_nobody_of_another_name_is_written_to(
    office: Office, professional: Staff
) -> None:
    booked = await invited(office)
    status, no = await professional.asks(
        "POST", path(booked, "/resend"), {"recipient": "somebody"}
    )
    assert (status, no["code"]) == (404, "recipient_unknown")


# The day's list.


async def on(professional: Staff, day: str) -> list[Any]:
    status, told = await professional.asks(
        "GET", f"/invitation/api/appointments?on={day}"
    )
    assert status == 200
    lines: list[Any] = told["appointments"]
    return lines


async def test_the_days_list_has_the_appointments_of_own_units_on_the_finnish_day(
    office: Office, professional: Staff, stranger: Staff
) -> None:
    midnight = TEN - timedelta(hours=10)
    times = [midnight - HALF_HOUR, midnight, TEN, midnight + timedelta(hours=23.5)]
    booked = [
        await office.book(starts_at=each, ends_at=each + HALF_HOUR) for each in times
    ]
    ids = [each["appointment_id"] for each in await on(professional, "2026-11-23")]
    assert ids == [each.appointment_id for each in booked[1:]]
    assert await on(stranger, "2026-11-23") == []


async def test_a_line_says_what_became_of_the_last_that_was_sent(
    office: Office, professional: Staff
) -> None:
    good, bad = booking(), booking()
    office.server.answers(email_of(bad), "550 5.1.1 unknown")
    for each in (good, bad):
        await office.invitations.changed(each)
    await office.deliver()
    office.clock.forward(minutes=5)
    await office.invitations.changed(moved(good, 1, hours=1))
    first, second = await on(professional, "2026-11-23")
    (failed,), (update,) = first["recipients"], second["recipients"]
    told = failed["latest"]
    assert first["appointment_id"] == bad.appointment_id
    assert (told["kind"], told["state"], told["reason"], told["attempts"]) == (
        "invitation",
        "failed",
        "address_refused",
        1,
    )
    assert told["settled_at"] == NOON.isoformat()
    assert (update["latest"]["kind"], update["latest"]["state"]) == ("update", "queued")


@pytest.mark.parametrize("day", ["", "tomorrow", "2026-11-31"])
async def test_what_is_no_day_is_refused(professional: Staff, day: str) -> None:
    status, told = await professional.asks(
        "GET", f"/invitation/api/appointments?on={day}"
    )
    assert (status, told["code"], told["fields"]) == (400, "bad_request", ["on"])


# What is written.


@pytest.mark.parametrize("kind", Wording)
@pytest.mark.parametrize("language", ["sv", "fi", "en"])
async def test_each_kind_is_previewed_in_each_language(
    office: Office,
    client: Client,
    signing: SigningKey,
    kind: Wording,
    language: str,
) -> None:
    booked = await office.book()
    answer = await client.get(
        path(booked, f"/preview?language={language}&kind={kind}"),
        headers=as_staff(office, signing, "u-1"),
    )
    page = await answer.text()
    assert answer.status == 200
    assert f'lang="{language}"' in page
    assert email_of(booked) not in page


async def test_a_kind_that_we_do_not_write_is_refused(
    office: Office, professional: Staff
) -> None:
    booked = await office.book()
    status, told = await professional.asks("GET", path(booked, "/preview?kind=poem"))
    assert (status, told["fields"]) == (400, ["kind"])
