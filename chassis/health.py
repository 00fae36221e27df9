"""Operations' own port: metrics, and two questions from whoever runs us.

/live   the process runs                      no: restart it
/ready  it has started and is not stopping    no: send it nothing new

Ready does not ask neighbours: a database that is away is answered request by request,
and taking every instance out at once would turn a pause into an outage.
"""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

SERVICE_UNAVAILABLE = 503


def operations(ready: Callable[[], bool]) -> web.Application:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def live(_: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def is_ready(_: web.Request) -> web.Response:
        if ready():
            return web.Response(text="ready\n")
        return web.Response(text="not ready\n", status=SERVICE_UNAVAILABLE)

    app = web.Application()
    app.add_routes(
        [
            web.get("/metrics", metrics),
            web.get("/live", live),
            web.get("/ready", is_ready),
        ]
    )
    return app
