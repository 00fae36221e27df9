"""A service with one door that keeps a visitor until a file is there."""

import asyncio
import os

from aiohttp import web

from chassis.clock import now
from chassis.foundation import Foundation
from chassis.run import main
from chassis.sessions import KeySetDocument
from chassis.settings import Settings
from chassis.web import Access, Doors


async def _no_keys() -> KeySetDocument:
    return {"keys": []}


def assemble(settings: Settings) -> web.Application:
    foundation = Foundation("notifier", settings, now, _no_keys)
    doors = Doors()
    file = os.environ["WAITS_FOR"]

    @doors.get("/notifier/slow", Access.PUBLIC)
    async def slow(_: web.Request) -> web.Response:
        foundation.log.info("Somebody came in.")
        while not os.path.exists(file):  # noqa: ASYNC110, ASYNC240, PTH110 - seldom, and quick
            await asyncio.sleep(0.02)
        return web.Response(text="done")

    return foundation.application(doors, {})


if __name__ == "__main__":
    main("notifier", Settings, assemble)
