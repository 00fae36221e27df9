"""Suppliers over HTTP: what they answer, in our words. Redirections are not followed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp

from chassis.answers import whole
from chassis.clock import Clock
from chassis.outcome import Accepted, Cause, Never, NotNow, Outcome, Reason

LARGEST_ANSWER = 64 * 1024
LONGEST_PEACE = timedelta(hours=1)  # whatever a supplier asks for
CONNECT_SECONDS = 5.0
SUCCESS = range(200, 300)

# Our credentials or our address of it are wrong: somebody is mending that.
OURS_TO_MEND = frozenset({401, 402, 403, 404, 405, 407})
# It did nothing with what we sent.
UNTOUCHED = frozenset({408, 421, 425, 429, 503})


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    after: timedelta | None
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        return self.status in SUCCESS


class Caller:
    """Asks one thing at a time; connections are kept while there is something to say."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._timeout = aiohttp.ClientTimeout(total=seconds, connect=CONNECT_SECONDS)
        self._clock = clock
        self._client: aiohttp.ClientSession | None = None

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer | NotNow:
        """Never raises for what a supplier or a network can do."""
        try:
            async with self._session().request(
                method, url, headers=headers, data=body, allow_redirects=False
            ) as answer:
                after = _after(answer.headers.get("Retry-After"), self._clock())
                return Answer(answer.status, after, await _said(answer))
        except (
            aiohttp.ClientConnectorError,
            aiohttp.InvalidURL,
            aiohttp.ConnectionTimeoutError,
        ):
            return NotNow()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return NotNow(doubt=True)

    async def rest(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None or self._client.closed:
            self._client = aiohttp.ClientSession(
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._client


async def _said(answer: aiohttp.ClientResponse) -> bytes:
    """What it says besides. The status is its word, also when the rest never comes."""
    try:
        return await whole(answer.content, LARGEST_ANSWER)
    except (aiohttp.ClientError, TimeoutError):
        return b""


def outcome(answer: Answer) -> Outcome:
    """By the class of the answer."""
    if answer.is_success:
        return Accepted()
    if answer.status in OURS_TO_MEND:
        return NotNow(after=answer.after, cause=Cause.OURS)
    if answer.status in UNTOUCHED:
        return NotNow(after=answer.after)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return NotNow(doubt=True, after=answer.after)
    if answer.status >= HTTPStatus.BAD_REQUEST:
        return Never(Reason.MESSAGE_REFUSED)
    return NotNow()  # it has moved, and nobody has told us where to


def _after(told: str | None, now: datetime) -> timedelta | None:
    """In seconds, or until a date (RFC 9110, 10.2.3)."""
    if not told:
        return None
    try:
        asked = (
            timedelta(seconds=int(told))
            if told.strip().isdecimal()
            else parsedate_to_datetime(told) - now
        )
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(asked, timedelta()), LONGEST_PEACE)
