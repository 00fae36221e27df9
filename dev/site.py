"""A small web application on this machine, and how its pages are made."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

STYLE = Path(__file__).parent / "pages" / "demo.css"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Pages:
    """The templates of one folder, beside the frame that all demo pages share."""

    def __init__(self, folder: Path) -> None:
        shared = STYLE.parent
        self._templates = Environment(
            loader=FileSystemLoader([folder, shared]),
            autoescape=True,
            undefined=StrictUndefined,
        )

    def show(
        self, name: str, values: Mapping[str, object], status: int = 200
    ) -> web.Response:
        text = self._templates.get_template(name).render(values)
        return web.Response(
            text=text, content_type="text/html", headers=HEADERS, status=status
        )


async def style(_: web.Request) -> web.StreamResponse:
    return web.FileResponse(STYLE)


@asynccontextmanager
async def serve(app: web.Application, port: int) -> AsyncIterator[None]:
    """Serve on 127.0.0.1 until the block is left; requests are not logged."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()
