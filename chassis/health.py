"""Operations' own port: metrics, and two questions from whoever runs us.

/live   the process runs                                     no: restart it
/ready  it has started, is not stopping, and its background
        tasks do not keep crashing                           no: send it nothing new

Ready does not ask neighbours: a database that is away is answered request by request,
and taking every instance out at once would turn a pause into an outage. So a task that
waits for PostgreSQL or Kafka does not count; one that keeps crashing does.
"""

from collections.abc import Callable, Sequence

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

SERVICE_UNAVAILABLE = 503


def operations(obstacles: Callable[[], Sequence[str]]) -> web.Application:
    """`obstacles`: why it is not ready, a line each; empty when it is."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def live(_: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def is_ready(_: web.Request) -> web.Response:
        lines = obstacles()
        if not lines:
            return web.Response(text="ready\n")
        text = "".join(f"{line}\n" for line in ("not ready", *lines))
        return web.Response(text=text, status=SERVICE_UNAVAILABLE)

    app = web.Application()
    app.add_routes(
        [
            web.get("/metrics", metrics),
            web.get("/live", live),
            web.get("/ready", is_ready),
        ]
    )
    return app
