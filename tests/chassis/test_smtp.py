"""What a mail server answers, in our words. The rest is tested where mail is sent."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from chassis.outcome import Accepted, Cause, Never, NotNow, Reason
from chassis.smtp import (
    Connection,
    ConversationFailed,
    Mail,
    MailServer,
    NotAnAddress,
    Tls,
    mail_address,
    outcome,
)


@pytest.mark.parametrize(
    ("code", "text", "meaning"),
    [
        (550, "5.1.1 no such user", Reason.ADDRESS_REFUSED),
        (550, "no such user", Reason.ADDRESS_REFUSED),
        (552, "5.2.2 full", Reason.MAILBOX_FULL),
        (550, "5.7.1 policy", Reason.MESSAGE_REFUSED),
        (554, "no", Reason.MESSAGE_REFUSED),
        (501, "syntax", Reason.ADDRESS_REFUSED),
        (571, "something new", Reason.MESSAGE_REFUSED),
    ],
)
def test_a_final_answer_has_a_reason_in_our_words(
    code: int, text: str, meaning: Reason
) -> None:
    never = outcome(code, text)
    assert getattr(never, "reason", None) is meaning


@pytest.mark.parametrize(
    ("code", "text", "cause"),
    [
        (450, "4.2.0 greylisted", Cause.LATER),
        (451, "try again", Cause.LATER),
        (452, "4.2.2 full", Cause.LATER),
        (421, "closing", Cause.SLOWER),
        (450, "4.7.1 too many from you", Cause.SLOWER),
        (451, "4.7.24 may not send for it", Cause.OURS),
        (550, "5.7.26 not signed", Cause.OURS),
        (530, "5.7.0 encrypt first", Cause.OURS),
        (535, "who are you", Cause.OURS),
    ],
)
def test_an_answer_that_may_change_is_not_final(
    code: int, text: str, cause: Cause
) -> None:
    assert outcome(code, text) == NotNow(cause=cause)


Answer = Callable[[str], str | None]


@asynccontextmanager
async def server(
    answer: Answer, extensions: Sequence[str] = ()
) -> AsyncIterator[tuple[Connection, list[str]]]:
    """Speaks as it is told; `None` hangs up. Gives the lines it was told, too."""
    heard: list[str] = []

    async def speak(reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode().strip():
            heard.append(line)
            told = answer(line)
            if told is None:
                break
            if line.startswith("EHLO"):
                told = "".join(f"250-{each}\r\n" for each in ("x", *extensions)) + told
            writer.write(f"{told}\r\n".encode())
            if told.startswith("354"):
                await reader.readuntil(b"\r\n.\r\n")
                if (taken := answer(".")) is None:
                    break
                writer.write(f"{taken}\r\n".encode())
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        connection = Connection(
            MailServer.of(SecretStr(f"smtp://127.0.0.1:{port}"), Tls.OFFERED)
        )
        yield connection, heard
        await connection.hang_up()


MAIL = Mail("a@visit.test", "b@example.test", b"Subject: Testi\r\n\r\n", "id-1")


def taking(line: str) -> str:
    return "354 go on" if line == "DATA" else "250 2.0.0 fine"


async def test_a_server_that_knows_of_reports_is_told_what_to_return() -> None:
    async with server(taking, ["DSN"]) as (connection, heard):
        assert await connection.hand_over(MAIL) == Accepted()
    assert "MAIL FROM:<a@visit.test> RET=HDRS ENVID=id-1" in heard
    assert "RCPT TO:<b@example.test> NOTIFY=FAILURE" in heard


async def test_another_server_is_not_asked_for_what_it_does_not_know() -> None:
    async with server(taking) as (connection, heard):
        assert await connection.hand_over(MAIL) == Accepted()
    assert "MAIL FROM:<a@visit.test>" in heard


@pytest.mark.parametrize("answer", [None, "421 4.4.2 you said nothing for long"])
async def test_a_connection_that_was_closed_while_it_rested_is_opened_anew(
    answer: str | None,
) -> None:
    said = iter(["250 fine", answer, "250 fine"])

    def rests(line: str) -> str | None:
        return next(said) if line.startswith("MAIL") else taking(line)

    async with server(rests) as (connection, heard):
        assert await connection.hand_over(MAIL) == Accepted()
        assert await connection.hand_over(MAIL) == Accepted()
    assert heard.count("DATA") == 2


async def test_a_connection_that_ends_before_the_message_leaves_no_doubt() -> None:
    def breaks(line: str) -> str | None:
        return None if line.startswith("RCPT") else taking(line)

    async with server(breaks) as (connection, _):
        assert await connection.hand_over(MAIL) == NotNow(cause=Cause.AWAY)


async def test_a_connection_that_ends_after_the_message_leaves_it_in_doubt() -> None:
    def breaks(line: str) -> str | None:
        return None if line == "." else taking(line)

    async with server(breaks) as (connection, heard):
        result = await connection.hand_over(MAIL)
    assert result == NotNow(doubt=True, cause=Cause.AWAY)
    assert heard.count("DATA") == 1


async def test_a_sender_that_is_refused_is_ours_to_mend() -> None:
    def refuses(line: str) -> str:
        return "550 5.7.1 not you" if line.startswith("MAIL") else taking(line)

    async with server(refuses) as (connection, _):
        assert await connection.hand_over(MAIL) == NotNow(cause=Cause.OURS)


async def test_what_is_no_longer_wanted_when_the_server_is_ready_is_not_sent() -> None:
    async def wanted() -> bool:
        return "RCPT TO:<b@example.test>" not in heard

    async with server(taking) as (connection, heard):
        told = await connection.hand_over(MAIL, wanted)
        assert told == NotNow(cause=Cause.UNTRUE)
        assert "DATA" not in heard
        assert await connection.hand_over(MAIL) == Accepted()


@pytest.mark.parametrize("error", [RuntimeError, AttributeError, ValueError, KeyError])
async def test_a_conversation_that_fails_on_our_side_leaves_the_next_one_a_fresh_line(
    error: type[Exception],
) -> None:
    async def fails() -> bool:
        raise error

    async with server(taking) as (connection, heard):
        with pytest.raises(ConversationFailed) as failed:
            await connection.hand_over(MAIL, fails)
        assert not failed.value.doubt
        assert await connection.hand_over(MAIL) == Accepted()
    assert heard.count("DATA") == 1


@pytest.mark.parametrize("to", ["b\r\nDATA@example.test", "\ud800@example.test"])
async def test_an_address_that_cannot_be_said_is_refused_before_it_is_said(
    to: str,
) -> None:
    async with server(taking) as (connection, heard):
        told = await connection.hand_over(Mail("a@visit.test", to, b"\r\n"))
        assert told == Never(Reason.ADDRESS_REFUSED)
        assert heard == []


@pytest.mark.parametrize(
    "text",
    [
        *("", "@", "a@", "@b.test", "a b@c.test", "a@b@c.test", "a@b..test"),
        *("anna@[gmail.com", "anna@]gmail.com", "anna@[", "[@]", "(@)", "<@>", "a@<b"),
        *('"a@b.test', 'a"b@c.test', "a@(b", "a(b@c.test", "a@b)", "a@b,c", "a;b@c"),
        *("a\0b@c.test", "a@b\0.test", "a\r\nb@c.test", "å\nb@c.test", "a@b\x7f.test"),
        *(
            "\ud800@b.test",
            "a@\udfff.test",
            "a@" + "b" * 64 + ".test",
            "\u202ea@b.test",
        ),
        *("a@xn--.test", "a@xn--\u00e5.test", ".@.", ":@:", "=?utf-8?q?a?=@b@c"),
    ],
)
def test_what_is_no_address_is_known_as_none_whatever_the_parser_makes_of_it(
    text: str,
) -> None:
    try:
        written = mail_address(text).addr_spec
    except NotAnAddress:
        return
    assert written.isprintable()
    assert written.count("@") == 1
