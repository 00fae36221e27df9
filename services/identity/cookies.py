"""Cookies: for this host alone, over TLS alone, for no script (`__Host-`, RFC 6265bis)."""

from datetime import timedelta

from aiohttp import web

ATTEMPT = "__Host-attempt"


def put(answer: web.Response, name: str, value: str, lasts: timedelta) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=int(lasts.total_seconds()),
        path="/",
        secure=True,
        httponly=True,
        samesite="Lax",
    )


def take_back(answer: web.Response, name: str) -> None:
    answer.del_cookie(name, path="/", secure=True, httponly=True, samesite="Lax")


def browser(request: web.Request) -> str:
    """The secret that a browser is known by while it is on its way."""
    return request.cookies.get(ATTEMPT, "")
