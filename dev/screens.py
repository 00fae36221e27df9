"""Puts the journeys' pictures side by side for the README: `make screens`."""

import asyncio
from pathlib import Path

from tests import servers

FOLDER = Path(__file__).parents[1] / "docs" / "screens"
SHOWN = ("entry-sv", "wait-in-line-sv", "call-sv", "staff-admit-sv")
PAGE = """<!doctype html><style>
  body {{ margin: 0; padding: 24px; display: flex; gap: 24px; background: #dfe6e4; width: max-content; }}
  img {{ height: 520px; border-radius: 14px; box-shadow: 0 6px 24px #0003; }}
</style>{images}"""


async def main() -> None:
    images = "".join(f'<img src="{(FOLDER / each).as_uri()}.png">' for each in SHOWN)
    sheet = FOLDER / "visit.html"
    sheet.write_text(PAGE.format(images=images))
    async with servers.browser() as browser:
        page = await browser.new_page(viewport={"width": 1920, "height": 568})
        await page.goto(sheet.as_uri())
        await page.locator("body").screenshot(path=FOLDER / "visit.png")
    sheet.unlink()


if __name__ == "__main__":
    asyncio.run(main())
