"""A gateway for text messages that delivers none: it keeps them, for the mailbox page.

POST /sms {"to": "+358…", "text": "…", "id": "…"} answers 200 {"id": "…"}.
`refuse` lets a test answer as a gateway in trouble does: it gets the number and returns
an answer, or None to take the message.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from aiohttp import web
from pydantic import BaseModel, ValidationError

from chassis.clock import Clock
from dev.site import STYLE, Pages

KEPT = 1000

Refuse = Callable[[str], web.Response | None]
Hear = Callable[["Text"], None]


class Sent(BaseModel):
    """What a gateway is asked."""

    to: str
    text: str
    id: str


@dataclass(frozen=True)
class Text:
    """One text message. `id` is its sender's own name of it."""

    number: str
    arrived: datetime
    to: str
    text: str
    id: str

    def told(self) -> dict[str, str]:
        return {
            "ID": self.number,
            "Created": self.arrived.isoformat(),
            "To": self.to,
            "Text": self.text,
            "Reference": self.id,
        }


class Texts:
    """What arrived, newest first."""

    def __init__(
        self,
        clock: Clock,
        refuse: Refuse = lambda _: None,
        hear: Hear = lambda _: None,
    ) -> None:
        self._clock = clock
        self._refuse = refuse
        self._hear = hear
        self._texts: deque[Text] = deque(maxlen=KEPT)
        self._arrival = asyncio.Condition()

    @property
    def all(self) -> tuple[Text, ...]:
        return tuple(self._texts)

    async def until(self, enough: Callable[[tuple[Text, ...]], bool]) -> None:
        """Wait for the texts to be as wanted; the caller sets the time limit."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: enough(self.all))

    async def take(self, request: web.Request) -> web.Response:
        try:
            sent = Sent.model_validate_json(await request.read())
        except ValidationError:
            return web.json_response({"error": "not understood"}, status=400)
        if refused := self._refuse(sent.to):
            return refused
        text = Text(uuid4().hex, self._clock(), sent.to, sent.text, sent.id)
        async with self._arrival:
            self._texts.appendleft(text)
            self._arrival.notify_all()
        self._hear(text)
        return web.json_response({"id": text.number})

    async def page(self, _: web.Request) -> web.Response:
        """Where there is no mailbox to show them."""
        values = {"language": "en", "texts": self.all}
        return Pages(STYLE.parent).show("telephone.html", values)

    async def list(self, _: web.Request) -> web.Response:
        return web.json_response({"texts": [each.told() for each in self._texts]})

    async def clear(self, _: web.Request) -> web.Response:
        self._texts.clear()
        return web.Response(text="ok")
