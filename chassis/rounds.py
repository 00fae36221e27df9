"""The rounds of whoever carries messages: one at a time while there are any, then a rest.

What has been begun is finished before the service stops.
"""

import asyncio
from collections.abc import Awaitable, Callable

from chassis import waiting

LOOK_EVERY = 2.0  # seconds: a try may have become due, or another instance have fallen

Deliver = Callable[[], Awaitable[bool]]
"""Carries one message, if one is due; false when none is."""


async def go_round(
    deliver: Deliver, woken: asyncio.Event, rest: Callable[[], Awaitable[None]]
) -> None:
    """Until cancelled. `rest` when nothing has come for a while, and at the end."""
    try:
        while True:
            woken.clear()
            while await _begun_is_finished(deliver):
                pass
            if not await waiting.woken(woken, LOOK_EVERY):
                await rest()
    finally:
        await rest()


async def _begun_is_finished(deliver: Deliver) -> bool:
    """A stop amid a message would leave it in doubt, and so be sent twice.

    However often one is asked to stop: a delivery has an end of its own.
    """
    delivering = asyncio.ensure_future(deliver())
    try:
        return await asyncio.shield(delivering)
    except asyncio.CancelledError:
        await waiting.ended(delivering)
        delivering.result()
        raise
