"""Web push: one browser alone can read it, and a push service is told no more than it needs."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from chassis.outcome import Reason
from chassis.sending import State
from contract.booking import Language
from services.notifier import suppliers
from services.notifier.message import Channel
from services.notifier.push import PushHosts
from services.notifier.settings import PUSH_SERVICES
from tests.keys import a_visit
from tests.notifier.desk import Desk, at, away, late, summoned, who, with_texts
from tests.notifier.events import EMAIL, NAME
from tests.notifier.suppliers import Answer, PushingBrowser, proved


async def summon(desk: Desk) -> PushingBrowser:
    await desk.hear(with_texts(agreed=False), who(), away(2))
    browser = await desk.browser()
    await desk.hear(summoned(5))
    desk.watch.shows = at(5)
    return browser


async def test_who_we_are_is_proved_and_how_urgent_it_is_said(desk: Desk) -> None:
    browser = await summon(desk)
    await desk.deliver()
    (asked,) = browser.asked
    claims, key = proved(asked)
    ours = suppliers.identity(desk.settings, desk.watch).public
    assert key == ours
    assert claims["aud"] == desk.pushes.url
    assert claims["sub"] == "mailto:t@visit.test"
    assert claims["exp"] == int((at(5) + timedelta(hours=12)).timestamp())
    assert asked.headers["TTL"] == "180"  # until the professional waits no more
    assert asked.headers["Urgency"] == "high"
    assert len(asked.headers["Topic"]) == 32


async def test_a_later_word_takes_the_place_of_an_earlier_one(desk: Desk) -> None:
    await desk.hear(with_texts(agreed=False), who(), away(2))
    browser = await desk.browser()
    for minutes in (10, 20):
        await desk.hear(late(minutes, minutes))
        await desk.deliver()
    assert len({each.headers["Topic"] for each in browser.asked}) == 1
    assert len({each["tag"] for each in browser.shown}) == 1
    assert {each.headers["Urgency"] for each in browser.asked} == {"normal"}


async def test_what_is_pushed_names_nobody(desk: Desk) -> None:
    browser = await summon(desk)
    await desk.deliver()
    (shown,) = browser.shown
    assert set(shown) == {
        *("title", "body", "language", "opens", "tag"),
        *("subject", "appointment_id", "codes"),
    }
    for personal in (NAME, "Testi", EMAIL):
        assert personal not in str(shown)
        assert personal.encode() not in browser.asked[0].body


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_forgotten(desk: Desk, status: int) -> None:
    desk.pushes.will(Answer(status))
    browser = await summon(desk)
    await desk.deliver()
    await desk.hear(summoned(6))
    await desk.deliver()
    assert len(browser.asked) == 1
    (message,) = await desk.told_people()
    assert message.reason is Reason.RECEIVER_GONE


async def test_a_push_service_that_asks_for_peace_gets_it(desk: Desk) -> None:
    desk.pushes.will(Answer(429, {"Retry-After": "30"}))
    browser = await summon(desk)
    await desk.deliver()
    desk.watch.turn(timedelta(seconds=29))
    await desk.deliver()
    assert len(browser.asked) == 1
    desk.watch.turn(timedelta(seconds=1))
    await desk.deliver()
    assert len(browser.asked) == 2


async def test_a_push_may_be_sent_again_however_often_it_may_have_left(
    desk: Desk,
) -> None:
    desk.pushes.will(Answer(lost=True), Answer(lost=True))
    browser = await summon(desk)
    for _ in range(4):
        await desk.deliver()
        desk.watch.turn(timedelta(seconds=40))
    assert len({each.headers["Topic"] for each in browser.asked}) == 1
    assert await desk.states(Channel.PUSH) == ["your_turn accepted"]


async def test_each_browser_of_a_person_is_told_in_its_own_language(
    desk: Desk,
) -> None:
    await desk.hear(with_texts(agreed=False), who(), away(2))
    both = [await desk.browser(each) for each in (Language.FINNISH, Language.ENGLISH)]
    await desk.hear(summoned(5))
    await desk.deliver()
    told = [browser.shown[0]["title"] for browser in both]
    assert told == ["Videovastaanotto", "Video appointment"]


async def test_a_browser_is_told_what_its_newest_user_is_to_hear(desk: Desk) -> None:
    """A tablet that two use: who subscribed before is told on it no more."""
    browser = await summon(desk)
    session_of_another = browser.subscribed()
    other = a_visit(desk.watch() + timedelta(hours=1), "a-2")
    await desk.channels.subscribe(other, session_of_another)
    await desk.deliver()
    assert browser.asked == []
    assert await desk.states(Channel.PUSH) == ["your_turn obsolete"]


async def test_a_host_that_is_allowed_no_more_is_not_called(desk: Desk) -> None:
    browser = await summon(desk)
    closed = desk.settings.model_copy(update={"push_hosts": ("push.example",)})
    desk.settings = closed
    desk.__post_init__()
    await desk.deliver()
    assert browser.asked == []
    (message,) = await desk.told_people()
    assert (message.state, message.reason) == (State.FAILED, Reason.RECEIVER_GONE)
    await desk.close()


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/x",
        "https://updates.push.services.mozilla.com/wpush/v2/x",
        "https://web.push.apple.com/x",
        "https://db5p.notify.windows.com/w/?token=x",
    ],
)
def test_the_push_services_of_the_browsers_are_called(endpoint: str) -> None:
    assert PushHosts(PUSH_SERVICES).has(SecretStr(endpoint))


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com:8443/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evil.example/fcm.googleapis.com",
        "https://user@fcm.googleapis.com/x",
        "https://xnotify.windows.com/",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x",
        "https://[::1]/x",
        "https://fcm.googleapis.com:x/",
        "file:///etc/passwd",
        "x",
    ],
)
def test_nobody_else_is_called(endpoint: str) -> None:
    assert not PushHosts(PUSH_SERVICES).has(SecretStr(endpoint))
