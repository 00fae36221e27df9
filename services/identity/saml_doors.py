"""The doors of SAML: the answer in two steps, logouts both ways, and our metadata.

Back comes a browser and not a script, and perhaps in a frame without cookies: whatever is
wrong, it is sent on to a page of ours.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from chassis.limits import Limit
from chassis.refusal import Unavailable
from chassis.web import Access, Doors
from services.identity import cookies, metrics
from services.identity.attempts import count, reason
from services.identity.domain import (
    IdentificationExpired,
    IdentificationFailed,
)
from services.identity.flows import Visits
from services.identity.landing import Landing, see, sorry
from services.identity.session_doors import after
from services.identity.sessions import Sessions
from services.identity.suomifi_saml import ACS, SLO, SuomiFi
from services.identity.web import LOGINS_A_SECOND, LOGINS_AT_ONCE

RETURN = "/identity/saml/return"
METADATA = "application/samlmetadata+xml"
KNOWN_FOR = timedelta(hours=1)  # who came back can log out there for so long


@dataclass(frozen=True, slots=True)
class Saml:
    suomifi: SuomiFi
    visits: Visits
    sessions: Sessions
    landing: Landing
    metadata: bytes

    async def laid_aside(self, request: web.Request) -> web.Response:
        """No cookie comes with what another site posts: the browser is to fetch it."""
        form = await request.post()
        state, message = (
            str(form.get(each, "")) for each in ("RelayState", "SAMLResponse")
        )
        handle = await self.suomifi.book.keep(state, message)
        if handle is None:
            count(metrics.IDENTIFICATIONS, IdentificationExpired())
            return see(sorry(IdentificationExpired.code))
        return see(f"{RETURN}?answer={handle}")

    async def fetched(self, request: web.Request) -> web.Response:
        """Once, and where it began."""
        handle = request.query.get("answer", "")
        state = await self.suomifi.book.state_of(handle)
        returned = {"state": state or "", "answer": handle}
        return await self.landing.visit(request, self.visits, returned)

    async def told(self, query: str) -> str:
        """The provider asks us to end sessions; where to say that it is done."""
        said = self.suomifi.heard(query)
        for each in self.suomifi.ended(said):
            await self.sessions.end_from(each)
        return self.suomifi.done(said) or after(None)


def saml_doors(made: Doors, saml: Saml) -> None:
    limit = Limit(LOGINS_A_SECOND, LOGINS_AT_ONCE, saml.landing.clock)

    @made.post(ACS, Access.PROVIDER, limit)
    async def assertion_consumer(request: web.Request) -> web.Response:
        return await _landed(saml, lambda: saml.laid_aside(request))

    @made.get(RETURN, Access.PUBLIC)
    async def fetch(request: web.Request) -> web.Response:
        answer = await _landed(saml, lambda: saml.fetched(request))
        if browser := cookies.browser(request):
            cookies.put(answer, cookies.ATTEMPT, browser, KNOWN_FOR)
        return answer

    @made.get(SLO, Access.PUBLIC, limit)
    async def single_logout(request: web.Request) -> web.Response:
        if "SAMLResponse" in request.query:
            # Whatever it says: here everything was over before it was asked for.
            return see(after(request.query.get("RelayState")))
        query = request.raw_path.partition("?")[2]
        return await _landed(saml, lambda: _told(saml, query))

    @made.get("/identity/saml/metadata", Access.PUBLIC)
    async def metadata(_: web.Request) -> web.Response:
        return web.Response(body=saml.metadata, content_type=METADATA)


async def _told(saml: Saml, query: str) -> web.Response:
    return see(await saml.told(query))


async def _landed(
    saml: Saml, deed: Callable[[], Awaitable[web.Response]]
) -> web.Response:
    try:
        return await deed()
    except IdentificationFailed as no:
        saml.landing.log.info("A message of SAML was refused.", **reason(no))
        return see(sorry(no.code))
    except web.HTTPException:
        return see(sorry(IdentificationFailed.code))
    except Unavailable:
        return see(sorry("unavailable"))
