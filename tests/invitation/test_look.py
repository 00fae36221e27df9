"""How letters look: on a narrow phone and a wide screen, light and dark, read aloud or seen.

With SCREENS=1 pictures are taken for docs/screens/mail.
"""

import os
import re
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests import servers
from tests.invitation.gallery import Shown, gallery
from tests.invitation.mail_support import LONGEST, faults

ROOT = Path(__file__).parents[2]
AXE_SOURCE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
# A letter stands within a mail program, whose page has the landmarks.
OF_PAGES = {each: {"enabled": False} for each in ("landmark-one-main", "region")}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FOLDER = ROOT / "docs" / "screens" / "mail"
WIDTHS = (320, 680)
SCHEMES = ("light", "dark")
SHOWN = list(gallery())
every_letter = pytest.mark.parametrize("shown", SHOWN, ids=lambda each: each.name)
Pictures = dict[str, dict[tuple[int, str, str], bytes]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with servers.browser() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pictures(browser: Browser) -> AsyncIterator[Pictures]:
    """Taken while the tests look; hung side by side at the end."""
    taken: Pictures = defaultdict(dict)
    yield taken
    for kind, of_kind in taken.items():
        for width in WIDTHS:
            chosen = [png for (wide, *_), png in of_kind.items() if wide == width]
            await hang(browser, FOLDER / f"{kind}-{width}.webp", chosen, width)


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """What the page asks for from anywhere fails the test."""
    context = await browser.new_context()
    page = await context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    yield page
    await context.close()
    assert [url for url in asked if not url.startswith("about:")] == []


async def shows(page: Page, html: str) -> None:
    await page.set_content(html)
    await page.evaluate(AXE_SOURCE)


async def axe(page: Page) -> list[Any]:
    """What a screen reader or a weak eye stumbles over."""
    options = {"runOnly": RULES, "rules": OF_PAGES}
    found = await page.evaluate("options => axe.run(options)", options)
    return [
        (each["id"], [node["html"] for node in each["nodes"]])
        for each in found["violations"]
    ]


async def overflow(page: Page) -> int:
    return int(
        await page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
    )


@every_letter
async def test_it_reads_well_at_each_width_in_light_and_dark(
    page: Page, shown: Shown, pictures: Pictures
) -> None:
    await shows(page, shown.html)
    for width, scheme in product(WIDTHS, SCHEMES):
        await page.set_viewport_size({"width": width, "height": 800})
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert await axe(page) == [], (width, scheme)
        assert await overflow(page) == 0, (width, scheme)
        if os.environ.get("SCREENS"):
            png = await page.screenshot(full_page=True)
            pictures[shown.kind][width, shown.language, scheme] = png


@every_letter
async def test_it_reads_well_where_the_sheet_is_dropped(
    page: Page, shown: Shown
) -> None:
    await page.set_viewport_size({"width": 320, "height": 800})
    bare = re.sub(r"<style.*?</style>", "", shown.html, flags=re.DOTALL)
    await shows(page, bare)
    assert await axe(page) == []
    assert await overflow(page) == 0


@every_letter
async def test_it_reads_well_in_the_dark_of_outlook_on_the_web(
    page: Page, shown: Shown
) -> None:
    """Outlook puts these marks on what it has coloured anew."""
    marked = shown.html.replace("<body", "<body data-ogsc data-ogsb", 1)
    await shows(page, marked)
    assert await axe(page) == []
    ground = "getComputedStyle(document.querySelector('.ground')).backgroundColor"
    assert await page.evaluate(ground) == "rgb(15, 23, 22)"


@every_letter
def test_mail_programs_show_all_that_it_uses(shown: Shown) -> None:
    assert faults(shown.html) == []


@every_letter
def test_it_is_far_from_being_cut_off(shown: Shown) -> None:
    assert len(shown.html.encode()) < LONGEST / 5


@every_letter
def test_outlook_gets_one_button_of_its_own(shown: Shown) -> None:
    drawn = shown.html.count("<v:roundrect")
    assert drawn == shown.html.count('class="go"')
    assert drawn == (0 if "cancellation" in shown.kind else 1)


@pytest.mark.parametrize(
    ("there", "instead", "fault"),
    [
        ("<h1", "<img src='https://x.test/1.png'><h1", "<img>"),
        ("<h1", "<form><h1", "<form>"),
        ("<h1", "<h1 onclick='x()'", "onclick="),
        ("<h1", "<script>x()</script><h1", "<script>"),
        ("display:block", "display:flex", "display: flex"),
        ("margin:0;", "margin:0;position:absolute;", "position:"),
        ("padding:0;", "padding:1rem;", "1rem is not a length that Word knows"),
        ("color:#ffffff", "color:rgba(0,0,0,.5)", "rgba(0,0,0,.5) is not a colour"),
        ("color:#ffffff", "color:var(--ink)", "var(--ink) is not known"),
        (":root {", "@import 'x.css'; :root {", "@import 'x.css'"),
        (":root {", "@font-face { } :root {", "@font-face"),
        (":root {", ".go:hover { } :root {", "selector .go:hover"),
        (":root {", ".go { grid-gap: 1px } :root {", "grid-gap:"),
        ("<v:roundrect", "<v:image", "<v:image>"),
        (' role="presentation"', "", "a table that is read out as one"),
    ],
)
def test_what_some_program_does_not_show_is_found(
    there: str, instead: str, fault: str
) -> None:
    html = SHOWN[0].html
    assert there in html
    assert any(each.startswith(fault) for each in faults(html.replace(there, instead)))


def test_a_letter_that_is_too_long_is_found() -> None:
    assert faults("<p>" + "x" * LONGEST) == [f"{LONGEST + 3} characters"]


ON_THE_SHEET = {320: 272, 680: 420}
SHEET = """<!doctype html><style>
  body {{ margin: 0; padding: 16px; display: flex; gap: 16px; align-items: start; background: #b9c4c1; width: max-content; }}
  img {{ width: {width}px; border-radius: 8px; }}
</style>{images}"""


async def hang(browser: Browser, path: Path, pictures: list[bytes], width: int) -> None:
    """One sheet for a kind of letter: three languages, each light and dark."""
    images = "".join(
        f'<img src="data:image/png;base64,{b64encode(png).decode()}">'
        for png in pictures
    )
    page = await browser.new_page(viewport={"width": 2400, "height": 800})
    await page.set_content(SHEET.format(images=images, width=ON_THE_SHEET[width]))
    box = await page.locator("body").bounding_box()
    assert box
    session = await page.context.new_cdp_session(page)
    shot = await session.send(
        "Page.captureScreenshot",
        {
            "format": "webp",
            "quality": 45,
            "captureBeyondViewport": True,
            "clip": {**box, "scale": 1},
        },
    )
    await page.close()
    _keep(path, b64decode(shot["data"]))


def _keep(path: Path, picture: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture)
