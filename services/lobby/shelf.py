"""The doors behind which the pages and their files lie."""

from aiohttp import web

from chassis.web import Access, Doors
from services.lobby.pages import ADDRESSES, FOREVER, LANGUAGES, File, Pages, preferred

NOT_FOUND = 404
YEAR = 365 * 24 * 3600
LANGUAGE_COOKIE = "language"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob: mediastream:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)


def lay_out(doors: Doors, pages: Pages) -> None:
    """Add the doors to the pages; the last one catches whatever is not there."""
    for name, address in ADDRESSES.items():
        doors.get(address, Access.PUBLIC)(_page(pages, name))
    # A GET changes nothing: mail scanners open links, and so may anyone.
    doors.get("/v/{link}", Access.PUBLIC)(_page(pages, "entry"))
    doors.get("/h/{code}", Access.PUBLIC)(_page(pages, "handover"))

    @doors.get("/sorry/{code}", Access.PUBLIC)
    async def sorry(request: web.Request) -> web.Response:
        language = _language(request)
        return _shown(request, pages.sorry(request.match_info["code"], language))

    @doors.get(f"/static/{pages.version}/{{name:.+}}", Access.PUBLIC)
    async def file(request: web.Request) -> web.Response:
        found = pages.files.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        answer = _given(request, found)
        answer.headers["Cache-Control"] = FOREVER
        return answer

    @doors.get("/push-worker.js", Access.PUBLIC)
    async def worker(request: web.Request) -> web.Response:
        """A worker serves the pages below its own address, so it lies at the top."""
        answer = _given(request, pages.files["push-worker.js"])
        answer.headers["Cache-Control"] = "no-cache"
        return answer

    @doors.get("/robots.txt", Access.PUBLIC)
    async def robots(_: web.Request) -> web.Response:
        return web.Response(
            text="User-agent: *\nDisallow: /v/\nDisallow: /h\nDisallow: /visit\n"
        )

    @doors.get("/{rest:.*}", Access.PUBLIC)
    async def nothing(request: web.Request) -> web.Response:
        answer = _shown(request, pages.sorry("not_found", _language(request)))
        answer.set_status(NOT_FOUND)
        return answer


def _page(pages: Pages, name: str):  # type: ignore[no-untyped-def]
    async def show(request: web.Request) -> web.Response:
        return _shown(request, pages.page(name, _language(request)))

    return show


def _shown(request: web.Request, page: File) -> web.Response:
    answer = _given(request, page)
    answer.headers["Vary"] = "Accept-Encoding, Accept-Language, Cookie"
    answer.headers["Content-Security-Policy"] = POLICY
    asked = request.query.get("lang")
    if asked in LANGUAGES:
        answer.set_cookie(
            LANGUAGE_COOKIE, str(asked), max_age=YEAR, samesite="Lax", secure=True
        )
    return answer


def _given(request: web.Request, file: File) -> web.Response:
    answer = web.Response(body=file.body, content_type=file.kind)
    if file.kind.startswith("text/"):
        answer.charset = "utf-8"
    if file.zipped and "gzip" in request.headers.get("Accept-Encoding", ""):
        answer.body = file.zipped
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    return answer


def _language(request: web.Request) -> str:
    return preferred(
        request.query.get("lang"),
        request.cookies.get(LANGUAGE_COOKIE),
        request.headers.get("Accept-Language", ""),
    )
