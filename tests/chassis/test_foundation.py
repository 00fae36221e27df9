import asyncio

import pytest
from aiohttp import web
from pydantic import SecretStr

from chassis.background import Task, Work
from chassis.clock import now
from chassis.foundation import Foundation
from chassis.sessions import KeySetDocument
from chassis.settings import Settings
from chassis.web import Doors
from tests.keys import ORIGIN

SOON = 30


async def _no_keys() -> KeySetDocument:
    return {"keys": []}


def _service(url: str, *work: Work) -> web.AppRunner:
    settings = Settings(
        database_url=SecretStr(url), kafka_servers="127.0.0.1:1", public_url=ORIGIN
    )
    foundation = Foundation("lobby", settings, now, _no_keys)
    tasks = [Task(str(number), each) for number, each in enumerate(work)]
    return web.AppRunner(foundation.application(Doors(), {}, *tasks))


async def test_a_task_that_falls_gets_up(lobby: str) -> None:
    tries = asyncio.Semaphore(0)

    async def falls() -> None:
        tries.release()
        raise RuntimeError

    service = _service(lobby, falls)
    await service.setup()
    for _ in range(2):
        await asyncio.wait_for(tries.acquire(), SOON)
    await service.cleanup()


@pytest.mark.parametrize("trouble", [RuntimeError(), ExceptionGroup("", [OSError()])])
async def test_a_task_that_falls_while_it_is_ended_stays_down(
    lobby: str, trouble: Exception
) -> None:
    begun = asyncio.Event()

    async def leaves_badly() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise trouble

    service = _service(lobby, leaves_badly)
    await service.setup()
    await asyncio.wait_for(begun.wait(), SOON)
    ended, _ = await asyncio.wait(
        {asyncio.create_task(service.cleanup())}, timeout=SOON
    )
    assert ended
