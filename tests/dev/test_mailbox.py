"""The mailbox takes mail as any mail server does, and shows it to people and programs."""

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import aiosmtplib
import pytest
import pytest_asyncio
from aiohttp import ClientSession

from dev.mailbox import Post, post_office

BUTTON = '<p>Välkommen <a href="https://example.com/v/x">öppna</a></p>'


@pytest_asyncio.fixture(loop_scope="session")
async def post() -> AsyncIterator[Post]:
    async with post_office() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def http(post: Post) -> AsyncIterator[ClientSession]:
    async with ClientSession(post.url) as session:
        yield session


def _letter(subject: str = "Din tid för videomottagning") -> EmailMessage:
    letter = EmailMessage()
    letter["From"] = "Testi-Enhet <unit@example.com>"
    letter["To"] = "Testi-Maja Testström <sv@example.com>"
    letter["Subject"] = subject
    letter["Message-ID"] = "<a-1.0@example.com>"
    letter.set_content("Välkommen till mottagningen.")
    letter.add_alternative(BUTTON, subtype="html")
    letter.add_alternative(
        b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n",
        maintype="text",
        subtype="calendar",
    )
    return letter


async def _send(post: Post, letter: EmailMessage) -> None:
    address = urlsplit(post.smtp_url)
    await aiosmtplib.send(letter, hostname=address.hostname, port=address.port)


async def _json(http: ClientSession, path: str) -> Any:
    async with http.get(path, raise_for_status=True) as answer:
        return await answer.json()


async def _text(http: ClientSession, path: str) -> str:
    async with http.get(path, raise_for_status=True) as answer:
        return await answer.text()


async def test_programs_list_mails_as_with_mailpit(
    post: Post, http: ClientSession
) -> None:
    await _send(post, _letter("first"))
    await _send(post, _letter("second"))
    told = await _json(http, "/api/v1/messages")
    assert told["total"] == 2
    assert [each["Subject"] for each in told["messages"]] == ["second", "first"]
    newest = told["messages"][0]
    assert newest["To"] == [
        {"Name": "Testi-Maja Testström", "Address": "sv@example.com"}
    ]
    assert newest["Snippet"] == "Välkommen till mottagningen."
    limited = await _json(http, "/api/v1/messages?limit=1&start=1")
    assert [each["Subject"] for each in limited["messages"]] == ["first"]


async def test_programs_read_every_part_of_a_mail(
    post: Post, http: ClientSession
) -> None:
    await _send(post, _letter())
    number = post.mailbox.mails[0].id
    told = await _json(http, f"/api/v1/message/{number}")
    assert told["MessageID"] == "a-1.0@example.com"
    assert told["From"]["Address"] == "unit@example.com"
    assert "Välkommen till" in told["Text"]
    assert BUTTON in told["HTML"]
    [calendar] = told["Attachments"]
    assert calendar["ContentType"] == "text/calendar"
    part = await _text(http, f"/api/v1/message/{number}/part/{calendar['PartID']}")
    assert "METHOD:REQUEST" in part
    headers = await _json(http, f"/api/v1/message/{number}/headers")
    assert headers["Subject"] == ["Din tid för videomottagning"]
    assert "Subject:" in await _text(http, f"/api/v1/message/{number}/raw")


async def test_a_person_reads_the_mail_on_a_page_marked_as_not_real(
    post: Post, http: ClientSession
) -> None:
    await _send(post, _letter("<b>bold</b>"))
    number = post.mailbox.mails[0].id
    pages = [await _text(http, "/"), await _text(http, f"/mail/{number}")]
    for page in pages:
        assert "not a real mailbox" in page
        assert "&lt;b&gt;bold" in page
    assert "METHOD:REQUEST" in pages[1]


async def test_what_the_mail_brings_runs_no_scripts(
    post: Post, http: ClientSession
) -> None:
    await _send(post, _letter())
    number = post.mailbox.mails[0].id
    async with http.get(f"/mail/{number}/html") as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert BUTTON in await answer.text()
    assert "sandbox" in policy
    assert "script" not in policy


async def test_deleted_mail_is_gone(post: Post, http: ClientSession) -> None:
    await _send(post, _letter())
    number = post.mailbox.mails[0].id
    await http.delete("/api/v1/messages", raise_for_status=True)
    assert (await _json(http, "/api/v1/messages"))["messages"] == []
    async with http.get(f"/api/v1/message/{number}") as answer:
        assert answer.status == 404


@pytest.mark.parametrize("code", [451, 550])
async def test_a_test_can_make_it_refuse(code: int) -> None:
    answers = {"sv@example.com": f"{code} not now"}
    async with post_office(refuse=answers.get) as post:
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
            await _send(post, _letter())
        answers.clear()
        await _send(post, _letter())
        assert len(post.mailbox.mails) == 1
    assert refused.value.recipients[0].code == code


async def test_a_test_can_wait_for_a_mail(post: Post) -> None:
    async with asyncio.timeout(10), asyncio.TaskGroup() as both:
        both.create_task(post.mailbox.until(lambda mails: len(mails) == 1))
        both.create_task(_send(post, _letter()))


async def test_a_mail_does_not_print_what_stands_in_it(post: Post) -> None:
    await _send(post, _letter())
    assert "example.com" not in repr(post.mailbox.mails)
