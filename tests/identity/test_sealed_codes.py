"""The example for booking systems does what it says."""

import asyncio
import re
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from dev.idp.visitor import choose
from tests.chassis import kafka as listening
from tests.identity.conftest import Town
from tests.identity.people import new_appointment
from tests.identity.test_hearing import say
from tests.identity.test_login import code

PAGE = Path(__file__).resolve().parents[2] / "docs" / "identity.md"


def example() -> Any:
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(text, str(PAGE), "exec"), names)  # noqa: S102 - our own page
    return names["sealed"]


async def test_a_code_sealed_as_documented_is_read(town: Town) -> None:
    """By identity itself: the patient is let in with it."""
    url = f"{town.around.url}/identity/client/jwks.json"
    sealed = await asyncio.to_thread(example(), code("sv"), url)
    assert code("sv") not in sealed
    appointment_id, link = new_appointment(), token_urlsafe(16)
    await say(town, appointment_id, sealed)
    await town.invite(appointment_id, link)
    await listening.until(lambda: is_known(town, appointment_id))
    browser = town.browser()
    assert (
        await browser.lands(await choose(await browser.login(link), "sv")) == "/visit"
    )
    assert sealed not in town.logged


async def is_known(town: Town, appointment_id: str) -> bool:
    query = "SELECT 1 FROM attendee WHERE appointment_id = $1"
    return bool(await town.rows(query, appointment_id))
