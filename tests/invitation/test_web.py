"""Staff see how the messages of their own unit stand, and have them sent again."""

from io import BytesIO
from uuid import UUID, uuid4

import pytest

from chassis.sessions import SigningKey
from contract.booking import AppointmentBooked
from tests.invitation import reports
from tests.invitation.front import KEY, Client, as_staff, path
from tests.invitation.office import HOME, ORIGIN, Office, cancelled, email_of


async def test_the_deliveries_are_told_without_an_address(
    office: Office, client: Client, signing: SigningKey
) -> None:
    booked = await office.book()
    await office.deliver()
    answer = await client.get(path(booked), headers=as_staff(office, signing, "u-1"))

    told = await answer.json()
    (delivery,) = told["deliveries"]
    assert (delivery["kind"], delivery["state"]) == ("invitation", "accepted")
    assert told["starts_at"] == "2026-11-23T08:00:00+00:00"
    text = await answer.text()
    assert email_of(booked) not in text
    assert "/v/" not in text


@pytest.mark.parametrize("language", ["sv", "fi", "en"])
async def test_the_letter_is_previewed_in_each_language_without_the_link(
    office: Office, client: Client, signing: SigningKey, language: str
) -> None:
    booked = await office.book()
    answer = await client.get(
        path(booked, f"/preview?language={language}"),
        headers=as_staff(office, signing, "u-1"),
    )
    page = await answer.text()
    assert f'<html lang="{language}"' in page
    token = office.links.token(booked.appointment_id, booked.patient.email)
    assert token.get_secret_value() not in page
    assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_a_language_we_do_not_write_is_refused(
    office: Office, client: Client, signing: SigningKey
) -> None:
    booked = await office.book()
    answer = await client.get(
        path(booked, "/preview?language=de"), headers=as_staff(office, signing, "u-1")
    )
    assert answer.status == 400


async def test_sending_again_is_answered_with_what_is_now_on_its_way(
    office: Office, client: Client, signing: SigningKey
) -> None:
    booked = await office.book()
    await office.deliver()
    answer = await client.post(
        path(booked, "/resend"), headers=as_staff(office, signing, "u-1")
    )
    assert answer.status == 202
    states = [each["state"] for each in (await answer.json())["deliveries"]]
    assert states == ["accepted", "queued"]


@pytest.mark.parametrize("more", ["", "/preview"])
async def test_another_unit_sees_nothing(
    office: Office, client: Client, signing: SigningKey, more: str
) -> None:
    booked = await office.book()
    answer = await client.get(
        path(booked, more), headers=as_staff(office, signing, "u-2")
    )
    assert answer.status == 404
    assert (await answer.json())["code"] == "appointment_unknown"


async def test_what_was_cancelled_is_not_sent_again(
    office: Office, client: Client, signing: SigningKey
) -> None:
    booked = await office.book()
    await office.invitations.changed(cancelled(booked, 1))
    answer = await client.post(
        path(booked, "/resend"), headers=as_staff(office, signing, "u-1")
    )
    assert (answer.status, (await answer.json())["code"]) == (
        409,
        "appointment_cancelled",
    )


@pytest.mark.parametrize("more", ["", "/preview"])
async def test_nobody_comes_in_without_a_session(
    office: Office, client: Client, more: str
) -> None:
    booked = await office.book()
    answer = await client.get(path(booked, more))
    assert answer.status == 401


HOOK = "/invitation/bounces"
SHOWN = {"Authorization": f"Bearer {KEY.get_secret_value()}"}
MAIL = {**SHOWN, "Content-Type": "message/rfc822"}


async def delivered(office: Office) -> tuple[AppointmentBooked, UUID]:
    booked = await office.book()
    await office.deliver()
    (delivery,) = await office.deliveries(booked.appointment_id)
    return booked, delivery.delivery_id


async def test_a_report_is_posted_as_it_came(office: Office, client: Client) -> None:
    booked, delivery_id = await delivered(office)
    raw = reports.postfix(None)
    told = f"Delivered-To: {HOME.of(delivery_id)}\r\n".encode() + raw
    answer = await client.post(HOOK, data=told, headers=MAIL)

    assert answer.status == 204
    assert await office.states(booked.appointment_id) == [("invitation", "failed")]


async def test_a_report_that_returns_a_long_e_mail_is_taken(
    office: Office, client: Client
) -> None:
    booked, delivery_id = await delivered(office)
    long = reports.exchange(delivery_id).replace(b"Testi\r\n--b1--", b"x" * 200_000)
    answer = await client.post(HOOK, data=long, headers=MAIL)
    assert answer.status == 204
    assert await office.states(booked.appointment_id) == [("invitation", "failed")]

    endless = BytesIO(bytes(1024 * 1024 + 1))
    assert (await client.post(HOOK, data=endless, headers=MAIL)).status == 413


async def test_a_bounce_that_somebody_has_read_is_posted_by_its_delivery(
    office: Office, client: Client
) -> None:
    booked, delivery_id = await delivered(office)
    told = {"delivery_id": str(delivery_id), "reason": "mailbox_full"}
    answer = await client.post(HOOK, json=told, headers=SHOWN)

    assert answer.status == 204
    assert (await office.said(booked.appointment_id))[-1][1]["reason"] == "mailbox_full"


async def test_whether_we_know_a_delivery_is_told_to_nobody(client: Client) -> None:
    told = {"delivery_id": str(uuid4()), "reason": "mailbox_full"}
    assert (await client.post(HOOK, json=told, headers=SHOWN)).status == 204


@pytest.mark.parametrize("shown", [None, "", "Bearer ", "Bearer wrong", "Basic eDp5"])
async def test_without_the_key_nothing_is_taken(
    office: Office, client: Client, shown: str | None
) -> None:
    booked, delivery_id = await delivered(office)
    told = {"delivery_id": str(delivery_id), "reason": "mailbox_full"}
    headers = {} if shown is None else {"Authorization": shown}
    answer = await client.post(HOOK, json=told, headers={**headers, "Origin": ORIGIN})

    assert (answer.status, (await answer.json())["code"]) == (401, "wrong_key")
    assert await office.states(booked.appointment_id) == [("invitation", "accepted")]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("{}", "application/json"),
        ('{"delivery_id": "x", "reason": "mailbox_full"}', "application/json"),
        ("hello", "text/plain"),
    ],
)
async def test_what_is_no_report_is_refused(
    client: Client, content: str, kind: str
) -> None:
    headers = {**SHOWN, "Content-Type": kind}
    answer = await client.post(HOOK, data=content, headers=headers)
    assert (answer.status, (await answer.json())["code"]) == (400, "bad_request")
