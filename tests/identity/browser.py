"""A browser, as far as cookies and redirections go."""

from copy import copy
from dataclasses import dataclass
from http.cookies import Morsel
from itertools import count
from typing import Any, Self
from urllib.parse import urlsplit

from aiohttp import ClientSession, DummyCookieJar
from yarl import URL

_numbers = count(1)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    cookies: dict[str, "Morsel[str]"]
    said: Any

    @property
    def location(self) -> str:
        return self.headers["Location"]


class Browser:
    """Keeps `__Host-` cookies on this machine over plain HTTP too, as Chromium does.

    Each has an address of its own, as a trusted proxy would tell it.
    """

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.cookies: dict[str, str] = {}
        self.address = f"192.0.2.{next(_numbers) % 250}"

    def twin(self) -> Self:
        """The same browser, as far as it has heard: for requests that cross."""
        twin = copy(self)
        twin.cookies = dict(self.cookies)
        return twin

    async def get(self, url: str) -> Answer:
        """A navigation; redirections are not followed."""
        return await self._ask("GET", url)

    async def post(self, path: str, said: Any = None, **headers: str) -> Answer:
        """What a page of ours would send."""
        return await self._ask(
            "POST", path, json=said, headers={"Origin": self.origin, **headers}
        )

    async def login(self, link: str, language: str = "sv") -> str:
        """Begin on the entry page; says where the browser is sent."""
        answer = await self.post(
            "/identity/login", {"link": link, "language": language}
        )
        assert answer.status == 200, answer.said
        return str(answer.said["location"])

    async def staff_login(self) -> str:
        answer = await self.post("/identity/staff/login", {"language": "fi"})
        assert answer.status == 200, answer.said
        return str(answer.said["location"])

    async def lands(self, back: str) -> str:
        """Follow the way back; says on which page it ends."""
        answer = await self.get(back)
        assert answer.status == 303, answer.said
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.location

    async def acts(self, answer: str = "") -> Answer:
        """The guardian presses the button, or (`/no`) the other one."""
        return await self.post(f"/identity/act{answer}")

    async def _ask(self, method: str, url: str, **more: Any) -> Answer:
        place = urlsplit(url)
        path = f"{place.path}?{place.query}" if place.query else place.path
        headers = {"X-Forwarded-For": self.address, **more.pop("headers", {})}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        async with (
            ClientSession(cookie_jar=DummyCookieJar()) as http,
            http.request(
                method,
                URL(self.origin + path, encoded=True),  # as it is, to the letter
                headers=headers,
                allow_redirects=False,
                **more,
            ) as given,
        ):
            self._keep(given.cookies)
            said = await given.json(content_type=None) if given.content_length else None
            return Answer(given.status, dict(given.headers), dict(given.cookies), said)

    def _keep(self, given: Any) -> None:
        for name, cookie in given.items():
            if cookie["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = cookie.value
