"""What patients are told who are not at the page: by the ways that they agreed to, once,
in their language, and only while it is true."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.sending import State
from contract.booking import Language
from contract.identity import Role
from services.notifier.message import Channel, Message
from tests.keys import a_visit
from tests.notifier.desk import (
    HOUR,
    PHONE,
    Desk,
    admitted_at,
    at,
    away,
    back,
    late,
    left,
    read,
    summoned,
    waiting_at,
    who,
    with_texts,
    written,
)
from tests.notifier.events import EMAIL, GUARDIAN, NAME, booked, cancelled, moved


async def put_away(desk: Desk, *, texts: bool = True, **phone: Any) -> None:
    """A patient who came, waits and has put the telephone away."""
    booking = with_texts(agreed=texts, **phone)
    await desk.hear(booking, who(), waiting_at(1), away(2))


async def test_whose_turn_it_is_is_told_by_text_and_by_push(desk: Desk) -> None:
    await put_away(desk)
    browser = await desk.browser()
    await desk.hear(summoned(5))
    desk.watch.shows = at(5)
    await desk.deliver()

    (text,) = desk.texts
    assert text["to"] == PHONE
    assert "din tur" in text["text"]
    assert "kl. 11.08" in text["text"]  # until when, by a Finnish clock
    (shown,) = browser.shown
    assert (shown["subject"], shown["opens"]) == ("your_turn", "/visit")
    assert "kl. 11.08" in shown["body"]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (Language.SWEDISH, "din tur"),
        (Language.FINNISH, "sinun vuorosi"),
        (Language.ENGLISH, "your turn"),
    ],
)
async def test_each_is_told_in_their_own_language(
    desk: Desk, language: Language, words: str
) -> None:
    await put_away(desk, language=language)
    browser = await desk.browser(language)
    await desk.hear(summoned(5))
    await desk.deliver()
    assert words in desk.texts[0]["text"]
    assert words in browser.shown[0]["body"]


async def test_without_consent_no_text_is_sent(desk: Desk) -> None:
    await put_away(desk, texts=False)
    await desk.hear(summoned(5))
    await desk.deliver()
    assert desk.texts == []
    assert await desk.told_people() == []


async def test_consent_that_is_withdrawn_holds_for_what_is_queued(desk: Desk) -> None:
    await put_away(desk)
    await desk.hear(summoned(5))
    await _choose(desk, texts=False)
    await desk.deliver()
    assert desk.texts == []
    assert await desk.states(Channel.SMS) == ["your_turn obsolete"]


async def test_a_patient_may_agree_on_the_page(desk: Desk) -> None:
    await put_away(desk, texts=False)
    await _choose(desk, texts=True)
    await desk.hear(with_texts(agreed=False).model_copy(update={"sequence": 1}))
    await desk.hear(summoned(5))
    await desk.deliver()
    assert len(desk.texts) == 1


async def _choose(desk: Desk, *, texts: bool) -> None:
    await desk.channels.consent(a_visit(desk.watch() + HOUR), texts=texts)


async def test_who_has_come_already_is_not_called(desk: Desk) -> None:
    await put_away(desk)
    await desk.hear(back(6), summoned(5))  # in the other order
    await desk.deliver()
    assert desk.texts == []


async def test_who_comes_before_the_text_left_is_not_sent_it(desk: Desk) -> None:
    await put_away(desk)
    browser = await desk.browser()
    await desk.hear(summoned(5), back(6))
    await desk.deliver()
    assert desk.texts == []
    assert browser.shown == []
    assert await desk.states(Channel.SMS) == ["your_turn obsolete"]


async def test_an_older_word_that_comes_late_takes_no_summons_back(desk: Desk) -> None:
    await desk.hear(with_texts(), who(), away(2), summoned(5), waiting_at(1))
    await desk.deliver()
    assert len(desk.texts) == 1


@pytest.mark.parametrize("change", [cancelled(), moved()])
async def test_a_summons_to_what_is_cancelled_or_moved_is_not_sent(
    desk: Desk, change: Any
) -> None:
    await put_away(desk)
    await desk.hear(summoned(5), change)
    await desk.deliver()
    assert desk.texts == []
    assert await desk.states(Channel.SMS) == ["your_turn obsolete"]


async def test_a_summons_is_of_no_use_after_its_time(desk: Desk) -> None:
    await put_away(desk)
    await desk.hear(summoned(5))
    desk.watch.shows = at(8)
    await desk.deliver()
    assert desk.texts == []
    assert await desk.states(Channel.SMS) == ["your_turn failed"]


async def test_what_is_heard_twice_is_told_once(desk: Desk) -> None:
    await put_away(desk)
    event = summoned(5)
    again = event.model_copy(update={"event_id": "another"})
    await desk.hear(event, event, again)
    await desk.deliver()
    assert len(desk.texts) == 1


@pytest.mark.parametrize("late_away", [False, True])
async def test_who_is_let_in_while_away_is_told(desk: Desk, late_away: bool) -> None:
    """Kafka promises no order between the two topics."""
    await desk.hear(with_texts(), who(), waiting_at(1))
    two = [away(2), admitted_at(5)]
    await desk.hear(*(reversed(two) if late_away else two))
    await desk.deliver()
    assert ["Dörren är öppen" in each["text"] for each in desk.texts] == [True]


async def test_who_is_let_in_at_the_page_is_not_told(desk: Desk) -> None:
    await desk.hear(with_texts(), who(), waiting_at(1), away(2), back(3))
    await desk.hear(admitted_at(5))
    await desk.deliver()
    assert desk.texts == []


async def test_a_companion_is_told_by_push_and_never_on_the_patients_telephone(
    desk: Desk,
) -> None:
    await desk.hear(with_texts(), who(), who(Role.INTERPRETER, GUARDIAN))
    browser = await desk.browser(person=GUARDIAN)
    await desk.hear(away(2, GUARDIAN), summoned(5, GUARDIAN))
    await desk.deliver()
    assert len(browser.shown) == 1
    assert desk.texts == []


async def test_a_message_is_told_of_by_push_while_away(desk: Desk) -> None:
    await put_away(desk)
    browser = await desk.browser()
    await desk.hear(written(5, 1), written(6, 2), read(7, 2))
    await desk.deliver()
    (shown,) = browser.shown
    assert shown["body"] == "Du har ett meddelande. Öppna sidan för att läsa det."
    assert shown["codes"]["message_id"].endswith("1")
    assert desk.texts == []


async def test_a_message_to_somebody_at_the_page_is_not_pushed(desk: Desk) -> None:
    await desk.hear(with_texts(), who(), waiting_at(1))
    browser = await desk.browser()
    await desk.hear(written(5))
    await desk.deliver()
    assert browser.shown == []


async def test_a_delay_is_told_by_text_to_who_has_not_come(desk: Desk) -> None:
    await desk.hear(with_texts(), late(20, 1))
    await desk.deliver()
    (text,) = desk.texts
    assert "20 minuter" in text["text"]


async def test_who_is_at_the_page_is_not_sent_the_delay(desk: Desk) -> None:
    await desk.hear(with_texts(), who(), waiting_at(1), late(20, 2))
    await desk.deliver()
    assert desk.texts == []


async def test_who_came_and_left_again_is_sent_the_delay(desk: Desk) -> None:
    await desk.hear(with_texts(), who(), waiting_at(1), left(2), late(20, 3))
    await desk.deliver()
    assert len(desk.texts) == 1


async def test_only_the_last_of_several_delays_is_sent(desk: Desk) -> None:
    await desk.hear(with_texts(), late(10, 1), late(20, 2), late(30, 3))
    await desk.deliver()
    assert ["30 minuter" in each["text"] for each in desk.texts] == [True]
    states = sorted(await desk.states(Channel.SMS))
    assert states == ["delay accepted", "delay obsolete", "delay obsolete"]


async def test_an_older_delay_that_comes_late_is_not_told(desk: Desk) -> None:
    await desk.hear(with_texts(), late(30, 3))
    await desk.deliver()
    await desk.hear(late(10, 1))
    await desk.deliver()
    assert len(desk.texts) == 1


async def test_a_guess_is_told_only_when_it_has_grown_enough(desk: Desk) -> None:
    await desk.hear(with_texts())
    for said, minutes in enumerate((5, 10, 15, 20)):
        await desk.hear(late(minutes, said, inferred=True))
        await desk.deliver()
    told = [each["text"].split(" minuter")[0].split()[-1] for each in desk.texts]
    assert told == ["5", "15"]


async def test_who_was_told_of_a_delay_is_told_that_it_is_over(desk: Desk) -> None:
    await desk.hear(with_texts(), late(0, 0), late(20, 1))
    await desk.deliver()
    await desk.hear(late(0, 2))
    await desk.deliver()
    assert ["håller" in each["text"] for each in desk.texts] == [False, True]


async def test_a_delay_heard_before_the_booking_is_told_with_it(desk: Desk) -> None:
    await desk.hear(late(20, 1))
    await desk.hear(with_texts())
    await desk.deliver()
    assert len(desk.texts) == 1


async def test_nothing_is_told_of_a_cancelled_appointment(desk: Desk) -> None:
    await desk.hear(with_texts(), cancelled(), late(20, 1))
    await desk.deliver()
    assert desk.texts == []


@pytest.mark.parametrize("phone", ["041 234 5678", "+358 41 2345678", "00358412345678"])
async def test_a_number_may_be_written_as_people_do(desk: Desk, phone: str) -> None:
    await put_away(desk, phone=phone)
    await desk.hear(summoned(5))
    await desk.deliver()
    assert [each["to"] for each in desk.texts] == [PHONE]


@pytest.mark.parametrize("phone", ["nonsense", "12", "+358 9 1"])
async def test_what_is_no_number_fails_by_itself(desk: Desk, phone: str) -> None:
    await put_away(desk, phone=phone)
    await desk.hear(summoned(5))
    await desk.deliver()
    assert desk.texts == []
    assert [each.reason for each in await desk.told_people()] == ["address_refused"]


async def test_what_is_kept_of_a_message_has_no_number_and_no_name(desk: Desk) -> None:
    await put_away(desk)
    browser = await desk.browser()
    await desk.hear(summoned(5))
    await desk.deliver()
    async with desk.database.reading() as tx:
        rows = await tx.fetch("SELECT * FROM message")
    kept = str([dict(row) for row in rows])
    for personal in (PHONE, PHONE[4:], NAME, EMAIL, browser.endpoint):
        assert personal not in kept
    assert "g-1" in kept  # the gateway's name of it


async def test_number_and_browser_are_forgotten_with_the_appointment(
    desk: Desk,
) -> None:
    await put_away(desk)
    await desk.browser()
    desk.watch.turn(timedelta(days=3))
    await desk.notifier.forget()
    async with desk.database.reading() as tx:
        for table in ("contact", "fact", "subscription", "appointment"):
            assert await tx.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608


async def test_what_was_told_is_forgotten_in_the_end(desk: Desk) -> None:
    await put_away(desk)
    await desk.hear(summoned(5))
    await desk.deliver()
    desk.watch.turn(timedelta(days=91))
    await desk.messages.forget()
    assert await desk.told() == []


async def test_a_new_number_counts_from_then_on(desk: Desk) -> None:
    await put_away(desk)
    changed = with_texts(phone="+358457395678").model_copy(update={"sequence": 3})
    await desk.hear(changed, with_texts().model_copy(update={"event_id": "old"}))
    await desk.hear(summoned(5))
    await desk.deliver()
    assert [each["to"] for each in desk.texts] == ["+358457395678"]


async def test_a_booking_without_a_number_leads_to_no_text(desk: Desk) -> None:
    await desk.hear(booked(), who(), away(2), summoned(5))
    await desk.deliver()
    assert await desk.told_people() == []


@pytest.mark.parametrize("agreed", [True, False])
async def test_a_summons_waits_for_who_is_summoned(desk: Desk, agreed: bool) -> None:
    """After an outage everything is heard at once, each topic by itself."""
    await desk.hear(summoned(5))
    await desk.deliver()
    assert await desk.states(Channel.SMS) == ["your_turn queued"]
    await desk.hear(away(2), with_texts(agreed=agreed))
    desk.watch.turn(timedelta(seconds=5))
    await desk.deliver()
    assert desk.texts == []
    await desk.hear(who())
    desk.watch.turn(timedelta(seconds=5))
    await desk.deliver()
    assert len(desk.texts) == agreed


async def test_a_companion_whose_role_is_heard_late_is_not_told_by_text(
    desk: Desk,
) -> None:
    await desk.hear(with_texts(), summoned(5, GUARDIAN))
    await desk.hear(who(Role.INTERPRETER, GUARDIAN))
    await desk.deliver()
    assert desk.texts == []


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(range(6)), twice=st.sets(st.integers(0, 5)))
async def test_in_whatever_order_it_is_heard_the_same_is_told(
    desk: Desk, order: list[int], twice: set[int]
) -> None:
    await desk.empty()
    events = [
        with_texts(),
        who(),
        waiting_at(1),
        away(2),
        summoned(5),
        admitted_at(6),
    ]
    heard = [events[each] for each in order] + [events[each] for each in sorted(twice)]
    await desk.hear(*heard)
    desk.watch.shows = at(6)
    await desk.deliver()
    told = [str(each.subject) for each in await desk.told_people() if _left(each)]
    assert "admitted" in told  # and, in some orders, the summons that came before it


def _left(message: Message) -> bool:
    return message.state is State.ACCEPTED
