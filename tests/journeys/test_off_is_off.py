"""What is off reaches nobody: told by the other side's decoded frames and the loudness of its sound."""

import asyncio

from playwright.async_api import Page, expect

from tests.frontend.wire import RECORDED
from tests.journeys.people import SEEN_WITHIN, Patient, Person, Staff
from tests.journeys.suite import Suite

# What has come from the other side so far.
HEARD = """
async () => {
  const come = { frames: 0, packets: 0, energy: 0 };
  for (const each of (await window.videomottagning.peer().getStats()).values()) {
    if (each.type !== 'inbound-rtp') continue;
    if (each.kind === 'video') come.frames += each.framesDecoded ?? 0;
    else {
      come.packets += each.packetsReceived ?? 0;
      come.energy += each.totalAudioEnergy ?? 0;
    }
  }
  return come;
}
"""
# What has come while so many packets of sound came: sound goes on when it is silenced, so it is the clock.
MEANWHILE = """
async (packets) => {
  const heard = HEARD;
  const before = await heard();
  for (;;) {
    const now = await heard();
    if (now.packets >= before.packets + packets) return { frames: now.frames - before.frames, energy: now.energy - before.energy };
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}
""".replace("HEARD", HEARD)
A_LITTLE, A_WHILE = 20, 60  # packets; the made-up microphone beeps twice in a while
SILENCE = 1e-6
LIVE = "() => window.given.filter((each) => each.readyState === 'live').map((each) => each.kind).sort()"


async def meanwhile(person: Person, packets: int = A_WHILE) -> dict[str, float]:
    async with asyncio.timeout(SEEN_WITHIN / 1000):  # silence, too, has packets
        come: dict[str, float] = await person.page.evaluate(MEANWHILE, packets)
    return come


async def comes_to_rest(person: Person, what: str) -> None:
    """What was under way, and in the decoder's own store, has come; nothing follows."""
    async with asyncio.timeout(SEEN_WITHIN / 1000):
        while (await meanwhile(person, A_LITTLE))[what] > SILENCE:
            pass
    await nothing_comes(person, what)


async def nothing_comes(person: Person, what: str) -> None:
    assert (await meanwhile(person))[what] < SILENCE


async def sign(page: Page, switch: str, on: str) -> None:
    button = page.locator(f'[data-view="call"] [data-action="{switch}"]')
    await expect(button).to_have_attribute("aria-pressed", on, timeout=SEEN_WITHIN)


async def reads(person: Person, note: str) -> None:
    """About the other, below the large picture."""
    shown = person.page.locator('[data-part="far-note"]')
    await expect(shown).to_have_text(note, timeout=SEEN_WITHIN)


async def chooses_another(person: Person, kind: str) -> None:
    await person.does("devices")
    devices = person.page.locator(f"select[data-device={kind}input]")
    await expect(devices.locator("option").nth(1)).to_be_attached()
    chosen: int = await devices.evaluate("(its) => its.selectedIndex")
    await devices.select_option(index=0 if chosen else 1)
    await person.does("close-devices")


async def in_a_call(suite: Suite) -> tuple[Patient, Staff]:
    booking = await suite.book("en")
    nurse = await suite.staff(language="en")
    link = await suite.link(booking)
    patient = await suite.patient("en")
    for person in (patient, nurse):
        await person.page.add_init_script(RECORDED)
    await nurse.page.reload()
    await nurse.sees("queue")
    await patient.open(link)
    await patient.identify("en")
    await patient.sees("check")
    await patient.skip_checks()
    await patient.asks()
    await nurse.admits(booking.appointment_id)
    await patient.sees_the_other_move()
    await nurse.sees_the_other_move()
    return patient, nurse


async def test_what_is_off_reaches_nobody_whatever_is_chosen(suite: Suite) -> None:
    patient, nurse = await in_a_call(suite)
    for here, there in ((patient, nurse), (nurse, patient)):
        await here.does("camera")
        await sign(here.page, "camera", "false")
        await reads(there, "The camera is off.")
        await comes_to_rest(there, "frames")
        await chooses_another(here, "video")
        await nothing_comes(there, "frames")
        await sign(here.page, "camera", "false")
        await reads(there, "The camera is off.")

        await here.does("microphone")
        await reads(there, "The camera is off. The microphone is off.")
        await comes_to_rest(there, "energy")
        await chooses_another(here, "audio")
        await nothing_comes(there, "energy")
        await sign(here.page, "microphone", "false")
        await reads(there, "The camera is off. The microphone is off.")

        await here.does("camera")
        await here.does("microphone")
        await sign(here.page, "camera", "true")
        await sign(here.page, "microphone", "true")
        await reads(there, "")
        come = await meanwhile(there)
        assert come["frames"] > 0
        assert come["energy"] > SILENCE


async def test_nothing_is_live_after_the_end(suite: Suite) -> None:
    patient, nurse = await in_a_call(suite)
    for person in (patient, nurse):
        assert await person.page.evaluate(LIVE) == ["audio", "video"]
    await nurse.ends()
    await patient.sees("closed")
    await nurse.sees("queue")
    await expect(nurse.page.locator('[data-view="call"]')).to_be_hidden()
    for person in (patient, nurse):
        assert await person.page.evaluate(LIVE) == []
