"""All five services behind one door, in one process: what an ingress does elsewhere."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_urldispatcher import AbstractRuleMatching, MatchedSubAppResource

# The lobby's prefix is everything that is not another service's.
PREFIXES: Mapping[str, str] = {
    "invitation": "/invitation/",
    "identity": "/identity/",
    "notifier": "/notifier/",
    "signalling": "/signalling/",
    "lobby": "/",
}


class Beginning(AbstractRuleMatching):
    """Matches the paths that begin so."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    async def match(self, request: web.Request) -> bool:
        return request.path.startswith(self._prefix)

    def get_info(self) -> Any:
        return {"prefix": self._prefix}

    @property
    def canonical(self) -> str:
        return self._prefix


def door(services: Mapping[str, web.Application]) -> web.Application:
    """One application that hands each request to the service whose prefix it has."""
    front = web.Application(middlewares=[_pass_on])
    for service, prefix in PREFIXES.items():
        app = services[service]
        front.router.register_resource(MatchedSubAppResource(Beginning(prefix), app))
        app.freeze()
        front.cleanup_ctx.append(_running(app))
        front.on_shutdown.append(_shutting(app))
    return front


@web.middleware
async def _pass_on(request: web.Request, handler: Handler) -> web.StreamResponse:
    """An application without middlewares of its own would skip the services' too."""
    return await handler(request)


def _running(app: web.Application):  # type: ignore[no-untyped-def]
    async def run(_: web.Application) -> AsyncIterator[None]:
        await app.startup()
        yield
        await app.cleanup()

    return run


def _shutting(app: web.Application):  # type: ignore[no-untyped-def]
    async def shut(_: web.Application) -> None:
        await app.shutdown()

    return shut
