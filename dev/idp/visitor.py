"""Someone at the provider's page, without a browser: for tests below the browser's."""

import re
from urllib.parse import urlsplit

from aiohttp import ClientSession


class NotWelcome(Exception):
    """The provider showed a refusal; `code` is OAuth's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


async def choose(location: str, person: str) -> str:
    """Open the provider at `location`, choose the person; returns where it sends one."""
    return await _press(location, {"person": person})


async def cancel(location: str) -> str:
    """Open the provider at `location`, press Cancel; returns where it sends one."""
    return await _press(location, {"cancel": "yes"})


async def _press(location: str, button: dict[str, str]) -> str:
    async with ClientSession() as http:
        async with http.get(location, allow_redirects=False) as answer:
            if answer.status == 303:  # noqa: PLR2004 - sent back at once
                return answer.headers["Location"]
            page = await answer.text()
        form = {"login": _found(r'name="login" value="([^"]+)"', page), **button}
        action = _found(r'action="([^"]+)"', page)
        here = urlsplit(location)
        url = f"{here.scheme}://{here.netloc}{action}"
        async with http.post(url, data=form, allow_redirects=False) as answer:
            return answer.headers["Location"]


def _found(pattern: str, page: str) -> str:
    if found := re.search(pattern, page):
        return found.group(1)
    refused = re.search(r'data-error="([^"]+)"', page)
    raise NotWelcome(refused.group(1) if refused else "unknown")
