"""The doors where an identity provider says that a session of its has ended.

Source: OpenID Connect Back-Channel Logout 1.0, 2.5 and 2.8.
"""

from collections.abc import Mapping

from aiohttp import web

from chassis.limits import Limit
from chassis.web import Access, Doors
from services.identity.domain import LogoutNotTaken
from services.identity.staff_flows import ProviderLogouts

LOGOUTS_A_SECOND = 20.0
LOGOUTS_AT_ONCE = 200


def logout_doors(made: Doors, logouts: Mapping[str, ProviderLogouts]) -> None:
    """One door for each provider that says so, by the path it is below."""
    for path, each in logouts.items():
        _logout_door(made, path, each)


def _logout_door(made: Doors, path: str, logouts: ProviderLogouts) -> None:
    limit = Limit(LOGOUTS_A_SECOND, LOGOUTS_AT_ONCE, logouts.clock)

    @made.post(f"{path}/backchannel-logout", Access.PROVIDER, limit)
    async def ended(request: web.Request) -> web.Response:
        return await _heard(request, logouts)


async def _heard(request: web.Request, logouts: ProviderLogouts) -> web.Response:
    token = (await request.post()).get("logout_token")
    if not isinstance(token, str):
        raise LogoutNotTaken("There is no logout token.")
    await logouts.heard(token)
    return web.Response()
