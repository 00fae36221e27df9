"""The doors where an identity provider says that a session of its has ended.

Source: OpenID Connect Back-Channel Logout 1.0, 2.5 and 2.8.
"""

from aiohttp import web

from chassis.limits import Limit
from chassis.web import Access, Doors
from services.identity.domain import LogoutNotTaken
from services.identity.staff_flows import ProviderLogouts

LOGOUTS_A_SECOND = 20.0
LOGOUTS_AT_ONCE = 200


def logout_door(made: Doors, path: str, logouts: ProviderLogouts) -> None:
    """The door of one provider that says so, below this path."""
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
