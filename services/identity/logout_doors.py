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


def logout_doors(made: Doors, visits: ProviderLogouts, staff: ProviderLogouts) -> None:
    limit = Limit(LOGOUTS_A_SECOND, LOGOUTS_AT_ONCE, staff.clock)

    @made.post("/identity/backchannel-logout", Access.PROVIDER, limit)
    async def visit_ended(request: web.Request) -> web.Response:
        return await _heard(request, visits)

    @made.post("/identity/staff/backchannel-logout", Access.PROVIDER, limit)
    async def staff_ended(request: web.Request) -> web.Response:
        return await _heard(request, staff)


async def _heard(request: web.Request, logouts: ProviderLogouts) -> web.Response:
    token = (await request.post()).get("logout_token")
    if not isinstance(token, str):
        raise LogoutNotTaken("There is no logout token.")
    await logouts.heard(token)
    return web.Response()
