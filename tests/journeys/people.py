"""What people do in their browsers, in their own words; the pages' hooks are used here only."""

import asyncio
import json
from typing import Any

from playwright.async_api import Page, expect

SEEN_WITHIN = 8_000  # milliseconds: nobody at a page would bear more
MET_WITHIN = 8_000  # of a call's first picture; only a guard, the counts are the test
LOOK_EVERY = 0.05  # seconds

# Decoded frames of the other side's picture: that they grow is the call.
FRAMES = """
async () => {
  const peer = window.videomottagning?.peer();
  if (!peer) return 0;
  let frames = 0;
  for (const each of (await peer.getStats()).values())
    if (each.type === 'inbound-rtp' && each.kind === 'video') frames += each.framesDecoded ?? 0;
  return frames;
}
"""
# ... and that it is shown, not only decoded.
SHOWN = """
() => {
  const far = document.querySelector('#far');
  return far.videoWidth > 0 && !far.paused && far.currentTime > 0;
}
"""


class Person:
    """Someone at a browser."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.signals: list[dict[str, Any]] = []  # what the page said to another's
        page.on("websocket", lambda wire: wire.on("framesent", self._note))

    def _note(self, said: str | bytes) -> None:
        frame = json.loads(said)
        if frame["type"] == "signal":
            self.signals.append(frame)

    def described(self) -> list[str]:
        """The offers and answers that the page made, in order."""
        told = [each["description"] for each in self.signals]
        return [each["type"] for each in told if each]

    async def does(self, action: str) -> None:
        await self.page.locator(f'[data-action="{action}"]:visible').first.click(
            timeout=SEEN_WITHIN
        )

    async def sees(self, view: str) -> None:
        shown = self.page.locator(f'[data-view="{view}"]')
        await expect(shown).to_be_visible(timeout=SEEN_WITHIN)

    async def sees_problem(self, code: str) -> None:
        shown = self.page.locator(f'[data-problem="{code}"]').first
        await expect(shown).to_be_visible(timeout=SEEN_WITHIN)

    async def chooses(self, who: str) -> None:
        """At the identity provider."""
        await self.page.locator(f'[data-person="{who}"]').click(timeout=SEEN_WITHIN)

    async def sees_the_other_move(self) -> None:
        """The other side's picture is decoded, and goes on being decoded."""
        before = await self.frames_past(0)
        await self.frames_past(before + 10)
        await self.page.wait_for_function(SHOWN, timeout=MET_WITHIN)

    async def frames_past(self, so_many: int) -> int:
        async with asyncio.timeout(MET_WITHIN / 1000):
            # Playwright's own waiting takes a promise for a yes.
            while True:
                frames: int = await self.page.evaluate(FRAMES)
                if frames > so_many:
                    return frames
                await asyncio.sleep(LOOK_EVERY)
        raise AssertionError("the picture does not move")

    async def asks_server(self, method: str, path: str) -> Any:
        """A request as the page could make it, whatever the page shows."""
        return await self.page.evaluate(
            """async ([method, path]) => {
                 const answer = await fetch(path, {method});
                 return {status: answer.status, ...(await answer.json())};
               }""",
            [method, path],
        )


class Patient(Person):
    """A patient, or who attends for or with them."""

    async def open(self, link: str) -> None:
        await self.page.goto(link)

    async def identify(self, who: str) -> None:
        await self.does("identify")
        await self.chooses(who)

    async def acts_for_the_child(self) -> None:
        await self.does("act")

    async def skip_checks(self) -> None:
        await self.does("skip")
        await self.sees("wait")

    async def pass_checks(self) -> None:
        """Camera, microphone and network pass; the sound is confirmed as heard."""
        await self.does("test-camera")
        for test in ("camera", "microphone", "network"):
            passed = self.page.locator(f'[data-test="{test}"][data-result="pass"]')
            await expect(passed).to_be_visible(timeout=SEEN_WITHIN)
        await self.does("play")
        await self.does("heard")
        await self.does("continue")
        await self.sees("wait")

    @property
    def button(self) -> Any:
        return self.page.locator('[data-action="ask"]')

    async def sees_grey(self) -> None:
        await expect(self.button).to_have_attribute(
            "aria-disabled", "true", timeout=SEEN_WITHIN
        )

    async def sees_green(self, within: int = SEEN_WITHIN) -> None:
        await expect(self.button).not_to_have_attribute(
            "aria-disabled", "true", timeout=within
        )

    async def asks(self) -> None:
        await self.sees_green()
        await self.does("ask")
        await self.is_in_line()

    async def is_in_line(self) -> None:
        place = self.page.locator('[data-view="wait"] [data-part="place"]')
        await expect(place).to_be_visible(timeout=SEEN_WITHIN)

    async def hangs_up(self) -> None:
        await self.does("hang-up")
        await self.does("confirm-hang-up")
        await self.sees("closed")


class Staff(Person):
    """A professional at the console."""

    async def log_in(self, who: str) -> None:
        await self.page.goto(f"{self.url}/staff")
        await self.does("log-in")
        await self.chooses(who)
        await self.sees("queue")

    def row(self, appointment_id: str) -> Any:
        return self.page.locator(f'[data-appointment="{appointment_id}"]').first

    async def sees_row(self, appointment_id: str) -> None:
        await expect(self.row(appointment_id)).to_be_visible(timeout=SEEN_WITHIN)

    async def sees_waiting(self, appointment_id: str) -> None:
        waiting = self.page.locator(
            f'[data-group="waiting"] [data-appointment="{appointment_id}"]'
        )
        await expect(waiting.first).to_be_visible(timeout=SEEN_WITHIN)

    async def chooses_waiting(self, name: str) -> None:
        """The one of this name among those who wait.

        Pressed again where it moved away under the finger: rows come and go.
        """
        rows = self.page.locator('[data-group="waiting"] [data-appointment]')
        chosen = self.page.locator('[data-view="detail"] h2[data-part="name"]')
        async with asyncio.timeout(SEEN_WITHIN / 1000):
            while await chosen.text_content() != name:
                await rows.filter(has_text=name).first.click(timeout=SEEN_WITHIN)
                await asyncio.sleep(LOOK_EVERY)

    async def writes(self, appointment_id: str, words: str) -> None:
        """To the person who waits, in own words."""
        await self.sees_waiting(appointment_id)
        await self.row(appointment_id).click()
        await self.page.locator("#write-what").select_option("own")
        await self.page.locator("#write-own").fill(words)
        await self.does("send")
        sent = self.page.locator('[data-view="detail"] [data-part="sent"] li')
        await expect(sent.last).to_contain_text(words, timeout=SEEN_WITHIN)

    async def opens_door(self, appointment_id: str) -> None:
        """Up to the card that asks whether this is the right person."""
        await self.sees_waiting(appointment_id)
        await self.row(appointment_id).click()
        await self.does("admit")

    async def admits(self, appointment_id: str) -> None:
        await self.opens_door(appointment_id)
        await self.does("confirm-admit")
        await self.sees("call")

    async def ends(self) -> None:
        await self.does("end")
        await self.does("confirm-end")
