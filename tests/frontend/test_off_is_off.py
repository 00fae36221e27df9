"""No camera or microphone is live, or sent, unless the sign on the screen says so: in any order of acts and answers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from playwright.async_api import Browser, Page, expect

from tests.frontend.stage import PASSED, Lobby, Stage
from tests.frontend.test_in_a_browser import press, view
from tests.frontend.wire import ASKED, PUPPETS, RECORDED, STANDING, WIRE, standing

OFF = {"camera": False, "microphone": False}
BOTH = {"camera": True, "microphone": True}

ACTS = (
    *("enter", "end", "leave", "replaced", "take", "check", "close"),
    *("camera", "microphone", "choose video", "choose audio"),
    *("grant", "grant", "grant last", "deny", "busy", "missing"),
    *("unplug video", "unplug audio"),
)

# The pages' own modules on the page's own buttons; only who presses them, and when the browser answers, is decided here.
DRIVER = """
async () => {
  const base = document.querySelector('script[type=module]').src.replace(/[^/]*$/, '');
  const [{ learnWords }, { Media }, { Call }] =
    await Promise.all(['words.js', 'media.js', 'call.js'].map((name) => import(base + name)));
  await learnWords();
  const media = new Media();
  const call = new Call({ media, as: 'visit', nameOf: () => 'Test', renewed: async () => true });
  const turn = () => new Promise((resolve) => { setTimeout(resolve); });
  const settled = async () => { for (let i = 0; i < 3; i += 1) await turn(); };
  const unplug = (kind) => {
    const track = media.track(kind);
    track?.stop();
    track?.dispatchEvent(new Event('ended'));
  };
  const hear = (frame) => window.wires.at(-1)?.hear(frame);
  const click = (action) => document.querySelector(`[data-view="call"] [data-action="${action}"]`).click();
  const acts = {
    'enter': () => void call.enter('a-1', async () => null),
    'end': () => hear({ type: 'ended', by: 'professional', seconds: 1 }),
    'leave': () => call.leave(false),
    'replaced': () => hear({ type: 'error', code: 'replaced', message: '', action: 'stop', seq: 0 }),
    'take': () => call.takeAgain?.(),
    'check': () => void media.open(),
    'close': () => { if (!call.room) media.close(); },
    'camera': () => click('camera'),
    'microphone': () => click('microphone'),
    'choose video': () => void media.choose('video', 'one'),
    'choose audio': () => void media.choose('audio', 'one'),
    'grant': () => window.questions.shift()?.grant(),
    'grant last': () => window.questions.pop()?.grant(),
    'deny': () => window.questions.shift()?.refuse('NotAllowedError'),
    'busy': () => window.questions.shift()?.refuse('NotReadableError'),
    'missing': () => window.questions.shift()?.refuse('NotFoundError'),
    'unplug video': () => unplug('video'),
    'unplug audio': () => unplug('audio'),
  };
  window.act = async (name) => { await acts[name](); await settled(); };
  window.inCall = () => call.room !== null;
  window.wired = () => call.room !== null && window.wires.at(-1)?.readyState === 1;
  const grantAll = async () => {
    for (; window.questions.length > 0; await settled()) window.questions.shift().grant();
    await settled();
  };
  window.pressOn = async () => {
    if (!call.room) await window.act('enter');
    await grantAll();
    for (const action of ['camera', 'microphone']) {
      const { on } = media;
      if (!on[action]) await window.act(action);
      await grantAll();
    }
  };
  window.asNew = async () => {
    call.leave(false);
    for (; window.questions.length > 0; await settled()) window.questions.shift().refuse('NotAllowedError');
    await settled();
    media.wanted = { microphone: true, camera: true };
    media.trouble = { audio: null, video: null };
    window.given = [];
    window.wires = [];
    window.connections = [];
  };
}
"""

# How things stood after each act. What is closed stays closed until somebody opens it.
STORY = """
async ([acts, standing]) => {
  const look = eval(standing);
  await window.asNew();
  const story = [];
  let closed = true;
  for (const act of acts) {
    await window.act(act);
    if (['end', 'leave', 'replaced', 'close'].includes(act)) closed ||= !window.inCall();
    if (act === 'check' || window.inCall()) closed = false;
    story.push({ act, closed, wired: window.wired(), ...look() });
  }
  return story;
}
"""


ENDED = (
    "() => window.wires.at(-1).hear({ type: 'ended', by: 'professional', seconds: 60 })"
)
REPLACED = """
() => window.wires.at(-1).hear({ type: 'error', code: 'replaced', message: '', action: 'stop', seq: 0 })
"""
TWICE = """
() => {
  const cameras = document.querySelector('select[data-device=videoinput]');
  for (let i = 0; i < 2; i += 1) cameras.dispatchEvent(new Event('change'));
}
"""
# A sound that is asked for while the page may not sound; the person touches the page a minute later.
LATE_BELL = """
async () => {
  const base = document.querySelector('script[type=module]').src.replace(/[^/]*$/, '');
  const { ring } = await import(base + 'sound.js');
  let rung = 0;
  let touch = null;
  OscillatorNode.prototype.start = () => { rung += 1; };
  AudioContext.prototype.resume = () => new Promise((resolve) => { touch = resolve; });
  const ringing = ring();
  const now = Date.now() + 60_000;
  Date.now = () => now;
  touch();
  await ringing;
  return rung;
}
"""


async def a_tab(browser: Browser, *scripts: str) -> Page:
    context = await browser.new_context(
        viewport={"width": 1200, "height": 900}, permissions=["camera", "microphone"]
    )
    page = await context.new_page()
    for script in scripts:
        await page.add_init_script(script)
    return page


@pytest_asyncio.fixture(loop_scope="session")
async def tab(_browser: Browser) -> AsyncIterator[Page]:
    """With Chromium's made-up camera and microphone, and all its tracks in view."""
    page = await a_tab(_browser, RECORDED, WIRE)
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    yield page
    await page.context.close()
    assert faults == []


async def at_the_controls(browser: Browser, stage: Stage) -> Page:
    """A page whose modules do nothing but what a test says."""
    page = await a_tab(browser, PUPPETS, RECORDED, WIRE)
    idle = {"content_type": "text/javascript", "body": ""}
    await page.route("**/visit.js", lambda route: route.fulfill(**idle))
    await page.goto(f"{stage.url}/visit?lang=en")
    await page.evaluate(DRIVER)
    return page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def controls(_browser: Browser, _raised: Stage) -> AsyncIterator[Page]:
    page = await at_the_controls(_browser, _raised)
    yield page
    await page.context.close()


async def story(page: Page, acts: list[str]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = await page.evaluate(STORY, [acts, STANDING])
    return told


def anything(test: Any) -> Any:
    """Whatever happens, in any order."""
    acts = st.lists(st.sampled_from(ACTS), min_size=1, max_size=16)
    unhurried = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=60, suppress_health_check=unhurried)(
        given(acts=acts)(test)
    )


@anything
@example(acts=["enter", "grant", "camera", "choose video", "grant"])
@example(acts=["enter", "grant", "microphone", "choose audio", "grant"])
@example(acts=["enter", "leave", "grant"])
@example(acts=["enter", "replaced", "grant"])
@example(acts=["check", "close", "grant"])
@example(acts=["enter", "camera", "grant"])
@example(acts=["enter", "microphone", "grant"])
@example(acts=["enter", "grant", "choose video", "choose video", "grant last", "grant"])
@example(acts=["enter", "grant", "camera", "camera", "camera", "grant"])
@example(acts=["enter", "grant", "unplug video", "camera", "leave", "grant"])
@example(acts=["enter", "busy", "grant", "leave", "grant"])
@example(acts=["enter", "leave", "enter", "camera", "grant", "grant"])
async def test_the_signs_tell_what_is_live_whatever_happens(
    controls: Page, acts: list[str]
) -> None:
    for now in await story(controls, acts):
        assert now["signs"] == now["on"], now
        assert len(now["live"]) == len(set(now["live"])), now
        for kind, sent in now["sent"].items():
            assert now["on"][kind] or not sent, now
        if now["closed"]:
            assert now["live"] == [], now
        if now["wired"] and now["told"]:
            assert now["told"] == now["signs"], now


@anything
async def test_whatever_has_happened_a_press_turns_them_on(
    controls: Page, acts: list[str]
) -> None:
    await story(controls, acts)
    await controls.evaluate("window.pressOn()")
    now = await standing(controls)
    assert now["signs"] == now["on"] == BOTH
    for action in ("camera", "microphone"):
        await controls.evaluate("(action) => window.act(action)", action)
    now = await standing(controls)
    assert now["signs"] == now["on"] == now["sent"] == OFF


async def in_the_call(stage: Stage, tab: Page) -> None:
    """Let in, wired, with camera and microphone on."""
    await let_in(stage, tab)
    await until_standing(tab, "now.on.camera && now.on.microphone")
    await until_standing(tab, "now.told?.camera && now.told.microphone")


async def let_in(stage: Stage, tab: Page) -> None:
    stage.lobby.move("waiting")
    stage.lobby.move("admitted")
    await tab.goto(f"{stage.url}/visit?lang=en")
    await view(tab, "call")


async def until_standing(tab: Page, true: str) -> dict[str, Any]:
    await tab.wait_for_function(
        f"() => {{ const now = ({STANDING})(); return {true}; }}"
    )
    return await standing(tab)


async def answered(tab: Page) -> None:
    """The browser's question is answered at last, and the page has the tracks."""
    await tab.evaluate("window.answer()")
    await tab.wait_for_function("() => window.given.length > 0")
    await tab.evaluate("() => new Promise((resolve) => { setTimeout(resolve); })")


async def choose(tab: Page, kind: str) -> None:
    await press(tab, "devices")
    list_of_them = tab.locator(f"select[data-device={kind}input]")
    await expect(list_of_them.locator("option").first).to_be_attached()
    await list_of_them.select_option(index=0)
    await press(tab, "close-devices")


@pytest.mark.parametrize("how", ["ended", "left", "returned", "cancelled", "replaced"])
async def test_an_answer_after_the_call_opens_nothing(
    stage: Stage, tab: Page, how: str
) -> None:
    await tab.add_init_script(ASKED)
    await let_in(stage, tab)
    await tab.wait_for_function("() => window.wires.length > 0")
    match how:
        case "ended":
            stage.lobby.status = "ended"
            stage.lobby.move("left")
            await view(tab, "closed")
        case "left":
            await press(tab, "hang-up")
            await press(tab, "confirm-hang-up")
            await view(tab, "closed")
        case "returned":
            stage.lobby.move("waiting", "not_ready")
            await view(tab, "wait")
        case "cancelled":
            stage.lobby.status = "cancelled"
            await view(tab, "wait")
        case _:
            await tab.evaluate(REPLACED)
            await expect(tab.locator('[data-part="elsewhere"]')).to_be_visible()
    await answered(tab)
    assert (await standing(tab))["live"] == []


async def test_an_answer_after_the_check_opens_nothing_and_says_nothing(
    stage: Stage, tab: Page
) -> None:
    await tab.add_init_script(ASKED)
    await tab.goto(f"{stage.url}/visit?lang=en")
    await view(tab, "check")
    await press(tab, "test-camera")
    await press(tab, "skip")
    await view(tab, "wait")
    await answered(tab)
    assert (await standing(tab))["live"] == []
    assert stage.lobby.checks == dict.fromkeys(PASSED, "skipped")
    assert not await tab.locator('[data-part="tests"]').evaluate("(its) => !its.hidden")


async def test_a_page_that_leaves_the_check_lets_go_of_both(
    stage: Stage, tab: Page
) -> None:
    await tab.goto(f"{stage.url}/visit?lang=en")
    await view(tab, "check")
    await press(tab, "test-camera")
    await tab.wait_for_function("() => window.given.length === 2")
    stage.lobby.move("waiting")  # said on another device
    await view(tab, "wait")
    assert (await standing(tab))["live"] == []
    assert await tab.locator("#mirror").evaluate("(mirror) => mirror.srcObject") is None


async def test_a_camera_chosen_while_it_is_off_is_remembered_and_not_opened(
    stage: Stage, tab: Page
) -> None:
    await in_the_call(stage, tab)
    await press(tab, "camera")
    await choose(tab, "video")
    assert await tab.evaluate("() => JSON.parse(localStorage.devices).video") != ""
    await press(tab, "microphone")
    await press(tab, "microphone")
    now = await until_standing(tab, "now.told.microphone && now.on.microphone")
    assert now["live"] == ["audio"]
    assert not (now["on"] | now["sent"] | now["signs"] | now["told"])["camera"]
    await press(tab, "camera")
    now = await until_standing(tab, "now.on.camera && now.sent.camera")
    assert now["signs"] == now["told"] == BOTH


async def test_a_microphone_chosen_while_it_is_off_is_never_on(
    stage: Stage, tab: Page
) -> None:
    await in_the_call(stage, tab)
    await press(tab, "microphone")
    await tab.evaluate("() => { window.handed = []; }")
    await choose(tab, "audio")
    now = await until_standing(tab, "window.given.length === 3")
    assert await tab.evaluate("() => window.handed.filter((each) => each.on)") == []
    assert not (now["on"] | now["sent"] | now["signs"] | now["told"])["microphone"]
    await press(tab, "microphone")
    now = await until_standing(tab, "now.on.microphone && now.sent.microphone")
    assert now["signs"] == now["told"] == BOTH


async def test_the_second_of_two_quick_choices_holds(stage: Stage, tab: Page) -> None:
    await in_the_call(stage, tab)
    await press(tab, "devices")
    await tab.evaluate(TWICE)
    await press(tab, "close-devices")
    await until_standing(tab, "window.given.length >= 3 && now.sent.camera")
    await press(tab, "microphone")
    now = await until_standing(tab, "!now.told.microphone")
    assert now["live"] == ["audio", "video"]
    assert now["signs"] == now["told"] == now["sent"] == {**BOTH, "microphone": False}


async def test_the_next_visit_in_the_same_tab_is_entered(
    stage: Stage, tab: Page
) -> None:
    stage.lobby.move("waiting")
    await in_the_call(stage, tab)
    await tab.evaluate(ENDED)
    await view(tab, "closed")
    stage.lobby = Lobby(appointment_id="a-7", came_in=True)
    stage.lobby.move("waiting")
    await tab.goto(f"{stage.url}/v/another-link?lang=en")
    await view(tab, "wait")
    stage.lobby.move("admitted")  # with a smaller version than the visit before
    await view(tab, "call")
    await until_standing(tab, "now.on.camera && now.told?.camera")


async def test_a_call_that_is_over_is_not_entered_again_by_a_reload(
    stage: Stage, tab: Page
) -> None:
    await in_the_call(stage, tab)
    await tab.evaluate(ENDED)
    await view(tab, "closed")
    await tab.reload()
    await view(tab, "closed")
    assert (await standing(tab))["live"] == []


@pytest.mark.parametrize("seen", [True, False])
async def test_a_new_admission_is_entered_after_the_call_was_taken_elsewhere(
    stage: Stage, tab: Page, *, seen: bool
) -> None:
    await in_the_call(stage, tab)
    elsewhere = tab.locator('[data-part="elsewhere"]')
    await tab.evaluate(REPLACED)
    await expect(elsewhere).to_be_visible()
    assert (await standing(tab))["live"] == []
    stage.lobby.move("left")
    stage.lobby.move("waiting")
    if seen:
        await view(tab, "wait")
    stage.lobby.move("admitted")
    await view(tab, "call")
    await tab.wait_for_function("() => window.wires.length === 2")
    await expect(elsewhere).to_be_hidden()
    await until_standing(tab, "now.on.camera && now.on.microphone")


async def test_a_bell_that_nobody_could_hear_does_not_ring_later(
    stage: Stage, tab: Page
) -> None:
    await tab.goto(f"{stage.url}/visit?lang=en")
    await view(tab, "check")
    assert await tab.evaluate(LATE_BELL) == 0
