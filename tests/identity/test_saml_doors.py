"""Suomi.fi by SAML, through identity's doors: the answer in two steps, and both ways out."""

import asyncio
import zlib
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from aiohttp import ClientSession, DummyCookieJar
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from chassis.foundation import DOORS
from chassis.web import Access
from contract.catalogue import SERVICES
from dev import kafka as kafkas
from dev import postgres as postgreses
from dev.persons import person
from dev.suite import Surroundings
from services.identity.app import assemble
from services.identity.saml.messages import (
    Envelope,
    address,
    logout_request,
    logout_response,
)
from services.identity.saml.xml import SAML, SAMLP
from services.identity.suomifi_saml import BIRTH_DATE, FIRST_NAMES, NATIONAL_ID, SURNAME
from tests.identity.browser import Browser
from tests.identity.conftest import Town, building, settings
from tests.identity.people import TODAY, booked, new_appointment
from tests.identity.saml_provider import (
    ISSUER,
    SETTINGS,
    SLO_THERE,
    SSO_THERE,
    US,
    Saying,
    find,
    key,
)

AROUND = Surroundings(
    url="https://video.example",
    idp_url="https://idp.example",
    kafka="127.0.0.1:1",
    smtp_url="",
    databases=dict.fromkeys(SERVICES, "postgresql://identity@127.0.0.1/none"),
)
VISIT, ATTEMPT = "__Host-visit", "__Host-attempt"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def built(
    database: postgreses.Database, kafka: kafkas.Cluster
) -> AsyncIterator[Town]:
    async with building(database, kafka, **SETTINGS) as town:
        yield town


@dataclass
class Visit:
    """Someone with a link, at a browser, and their way to the provider and back."""

    town: Town
    browser: Browser
    appointment_id: str
    link: str

    async def begin(self, language: str = "sv") -> "Trip":
        location = await self.browser.login(self.link, language)
        return Trip(self, location)


@dataclass
class Trip:
    visit: Visit
    location: str

    @property
    def query(self) -> dict[str, str]:
        query = parse_qs(urlsplit(self.location).query)
        return {name: value for name, (value,) in query.items()}

    @property
    def request(self) -> Any:
        return inflated(self.query["SAMLRequest"])

    def saying(self, who: str | None = "sv", **changes: Any) -> Saying:
        told: dict[str, str] = {}
        if who is not None:
            known = person(who, TODAY)
            told = {
                NATIONAL_ID: known.national_id.get_secret_value(),
                FIRST_NAMES: known.first_names,
                SURNAME: known.surname,
            }
        made: dict[str, Any] = {
            "attributes": told,
            "at": self.visit.town.clock.at,
            "acs": f"{self.visit.town.around.url}/identity/saml/acs",
            "request_id": self.request.get("ID"),
            "assertion_id": f"_{token_urlsafe()}",
            **changes,
        }
        return Saying(**made)

    async def posted(self, saying: Saying, relay: str | None = None) -> str:
        """The provider's page posts the answer; says where the browser is sent."""
        form = {
            "SAMLResponse": saying.posted(),
            "RelayState": self.query["RelayState"] if relay is None else relay,
        }
        return await post(self.visit.town, form)

    async def lands(self, saying: Saying, relay: str | None = None) -> str:
        there = await self.posted(saying, relay)
        if there.startswith("/sorry/"):
            return there
        return await self.visit.browser.lands(there)


async def post(town: Town, form: dict[str, str], **headers: str) -> str:
    """From another site: with its origin, and without a cookie of ours."""
    url = f"{town.around.url}/identity/saml/acs"
    told = {"Origin": "https://idp.example", "X-Forwarded-For": "192.0.2.254"}
    async with (
        ClientSession(cookie_jar=DummyCookieJar()) as http,
        http.post(
            url, data=form, headers={**told, **headers}, allow_redirects=False
        ) as answer,
    ):
        assert answer.status == 303
        assert not answer.cookies
        return answer.headers["Location"]


def inflated(text: str) -> Any:
    return etree.fromstring(zlib.decompress(b64decode(text), -15))


@pytest.fixture
async def visit(town: Town) -> Visit:
    return await a_visit(town)


async def a_visit(town: Town) -> Visit:
    town.clock.forward(minutes=1)  # the door takes so many a minute
    appointment_id, link = new_appointment(), token_urlsafe(16)
    code = person("sv", TODAY).national_id.get_secret_value()
    await town.hear(booked(appointment_id, 0, code, starts_at=town.clock.at))
    await town.invite(appointment_id, link)
    return Visit(town, town.browser(), appointment_id, link)


async def ended(visit: Visit) -> list[str | None]:
    rows = await visit.town.rows(
        "SELECT why FROM session WHERE appointment_id = $1", visit.appointment_id
    )
    return [row["why"] for row in rows]


async def test_the_request_is_signed_and_the_language_comes_last(visit: Visit) -> None:
    trip = await visit.begin("fi")
    assert trip.location.startswith(f"{SSO_THERE}?SAMLRequest=")
    assert trip.location.endswith("&locale=fi")
    signed, _, rest = urlsplit(trip.location).query.partition("&Signature=")
    assert [each.split("=")[0] for each in signed.split("&")] == [
        "SAMLRequest",
        "RelayState",
        "SigAlg",
    ]
    assert rest.endswith("&locale=fi")
    assert trip.query["SigAlg"].endswith("#rsa-sha256")
    signature = b64decode(trip.query["Signature"])
    public = key("signing").public_key()
    public.verify(signature, signed.encode(), PKCS1v15(), SHA256())

    asked = trip.request
    acs = f"{visit.town.around.url}/identity/saml/acs"
    assert asked.tag == f"{{{SAMLP}}}AuthnRequest"
    assert asked.get("Destination") == SSO_THERE
    assert asked.get("AssertionConsumerServiceURL") == acs
    assert find(asked, "saml:Issuer").text == US
    policy = find(asked, "samlp:NameIDPolicy").get("Format")
    assert policy.endswith(":transient")
    assert len(trip.query["RelayState"]) <= 80
    assert visit.link not in etree.tostring(asked).decode()


async def test_the_answer_is_fetched_in_a_second_step_with_the_browsers_cookie(
    visit: Visit,
) -> None:
    trip = await visit.begin()
    there = await trip.posted(trip.saying())
    assert there.startswith("/identity/saml/return?answer=")
    assert VISIT not in visit.browser.cookies
    assert await visit.browser.lands(there) == "/visit"
    assert VISIT in visit.browser.cookies
    assert await ended(visit) == [None]


async def test_an_answer_that_waits_is_kept_sealed_and_only_until_it_is_fetched(
    visit: Visit,
) -> None:
    trip = await visit.begin()
    there = await trip.posted(trip.saying())
    (row,) = await visit.town.rows(
        "SELECT message FROM answer WHERE state = $1", trip.query["RelayState"]
    )
    kept = b64decode(row["message"]).decode()
    known = person("sv", TODAY)
    assert "EncryptedAssertion" in kept
    assert known.surname not in kept
    await visit.browser.lands(there)
    (row,) = await visit.town.rows(
        "SELECT message FROM answer WHERE state = $1", trip.query["RelayState"]
    )
    assert row["message"] is None


async def test_another_browser_gets_nothing_for_the_same_answer(visit: Visit) -> None:
    """Login CSRF: whoever follows an attacker's answer is not let in as the attacker."""
    trip = await visit.begin()
    there = await trip.posted(trip.saying())
    victim = await a_visit(visit.town)
    await victim.begin()
    assert await victim.browser.lands(there) == "/sorry/identification_expired"
    stranger = visit.town.browser()
    assert await stranger.lands(there) == "/sorry/identification_expired"
    assert VISIT not in {**victim.browser.cookies, **stranger.cookies}


async def test_posted_again_and_reloaded_it_simply_goes_on(visit: Visit) -> None:
    trip = await visit.begin()
    said = trip.saying()
    there = await trip.posted(said)
    assert await visit.browser.lands(there) == "/visit"
    assert await visit.browser.lands(there) == "/visit"
    assert await trip.lands(said) == "/visit"
    assert await ended(visit) == [None]
    del visit.browser.cookies[VISIT]
    visit.town.clock.forward(minutes=2)
    assert await trip.lands(said) == "/sorry/identification_expired"


async def test_a_reload_while_the_answer_is_looked_at_ends_where_it_does(
    visit: Visit,
) -> None:
    trip = await visit.begin()
    there = await trip.posted(trip.saying())
    twin = visit.browser.twin()
    pages = await asyncio.gather(visit.browser.lands(there), twin.lands(there))
    assert pages == ["/visit", "/visit"]
    assert VISIT in twin.cookies
    assert await ended(visit) == [None]


async def test_another_browser_does_not_take_the_answer_away(visit: Visit) -> None:
    trip = await visit.begin()
    there = await trip.posted(trip.saying())
    thief = visit.town.browser()
    assert await thief.lands(there) == "/sorry/identification_expired"
    assert await visit.browser.lands(there) == "/visit"


async def test_an_answer_is_for_one_request(visit: Visit) -> None:
    """Taken along to a second attempt of the same browser, it does not fit."""
    first, second = await visit.begin(), await visit.begin()
    said = first.saying()
    page = await second.lands(said, second.query["RelayState"])
    assert page == "/sorry/identification_failed"
    assert '"about": "InResponseTo"' in visit.town.logged


async def test_an_assertion_counts_once(visit: Visit) -> None:
    once = {"assertion_id": "_the-same-for-two"}
    trip = await visit.begin()
    assert await trip.lands(trip.saying(**once)) == "/visit"
    again = await visit.begin()
    page = await again.lands(again.saying(**once))
    assert page == "/sorry/identification_failed"
    assert '"why": "seen_before"' in visit.town.logged


@pytest.mark.parametrize("relay", ["", "x", "/visit", "https://evil.example/", "ü"])
async def test_an_answer_that_nobody_asked_for_leads_to_a_page_with_a_next_step(
    visit: Visit, relay: str
) -> None:
    trip = await visit.begin()
    page = await trip.posted(trip.saying(), relay)
    assert page == "/sorry/identification_expired"


async def test_who_comes_back_late_is_told_so(visit: Visit) -> None:
    trip = await visit.begin()
    visit.town.clock.forward(minutes=11)
    assert await trip.lands(trip.saying()) == "/sorry/identification_expired"


async def test_an_answer_that_is_late_itself_is_not_believed(visit: Visit) -> None:
    trip = await visit.begin()
    there = await trip.posted(trip.saying())
    visit.town.clock.forward(minutes=6)
    assert await visit.browser.lands(there) == "/sorry/identification_failed"


async def test_two_tabs_both_come_through(visit: Visit) -> None:
    first, second = await visit.begin(), await visit.begin()
    for trip in (second, first):
        assert await trip.lands(trip.saying()) == "/visit"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"SAMLResponse": "x"},
        {"RelayState": "x"},
        {"SAMLResponse": "x" * 70_000, "RelayState": "x"},
    ],
)
async def test_nonsense_at_the_door_is_led_on(town: Town, form: dict[str, str]) -> None:
    town.clock.forward(minutes=1)
    assert (await post(town, form)).startswith("/sorry/identification_")


@pytest.mark.parametrize("handle", ["", "?answer=", "?answer=x", "?answer=%00"])
async def test_a_handle_that_nobody_was_given_opens_nothing(
    town: Town, handle: str
) -> None:
    page = await town.browser().lands(f"/identity/saml/return{handle}")
    assert page in ("/sorry/identification_expired", "/sorry/unavailable")


async def test_other_doors_take_nothing_from_other_sites(town: Town) -> None:
    for path in ("/identity/login", "/identity/logout", "/identity/staff/login"):
        answer = await town.browser().post(path, {}, Origin="https://idp.example")
        assert (answer.status, answer.said["code"]) == (403, "wrong_origin")


@pytest.mark.parametrize(
    ("level", "page"),
    [
        ("urn:oid:1.2.246.517.3002.110.999", "/sorry/identification_failed"),
        ("urn:oid:1.2.246.517.3002.110.7", "/sorry/identification_failed"),
        ("http://eidas.europa.eu/LoA/high", "/sorry/identification_failed"),
        ("http://ftn.ficora.fi/2017/loa3", "/visit"),
    ],
)
async def test_a_level_that_was_not_agreed_on_is_refused(
    visit: Visit, level: str, page: str
) -> None:
    trip = await visit.begin()
    assert await trip.lands(trip.saying(level=level)) == page


@pytest.mark.parametrize(
    "level",
    ["http://eidas.europa.eu/LoA/substantial", "urn:oid:1.2.246.517.3002.110.7"],
)
async def test_who_has_no_personal_code_is_told_that(visit: Visit, level: str) -> None:
    trip = await visit.begin()
    page = await trip.lands(trip.saying(None, level=level))
    assert page == "/sorry/no_personal_code"


async def test_a_date_of_birth_that_contradicts_the_code_is_refused(
    visit: Visit,
) -> None:
    trip = await visit.begin()
    said = trip.saying()
    said = trip.saying(attributes={**said.attributes, BIRTH_DATE: "1999-12-31"})
    assert await trip.lands(said) == "/sorry/identification_failed"


async def test_without_names_from_the_register_one_is_let_in_all_the_same(
    visit: Visit,
) -> None:
    trip = await visit.begin()
    code = person("sv", TODAY).national_id.get_secret_value()
    assert await trip.lands(trip.saying(attributes={NATIONAL_ID: code})) == "/visit"


async def logged_out(browser: Browser, then: str = "home") -> Any:
    return await browser.post("/identity/logout", {"language": "sv", "then": then})


async def test_logging_out_ends_the_session_here_first_and_then_there(
    visit: Visit,
) -> None:
    trip = await visit.begin()
    await trip.lands(trip.saying())
    answer = await logged_out(visit.browser)
    assert await ended(visit) == ["logged_out"]
    assert VISIT not in visit.browser.cookies
    query = parse_qs(urlsplit(answer.said["location"]).query)
    asked = inflated(query["SAMLRequest"][0])
    assert answer.said["location"].startswith(f"{SLO_THERE}?")
    assert asked.tag == f"{{{SAMLP}}}LogoutRequest"
    assert find(asked, "saml:NameID").text == "_somebody"
    assert find(asked, "samlp:SessionIndex").text == "_index"
    assert find(asked, "saml:Issuer").text == US


async def test_whom_we_refused_can_log_out_there_too(visit: Visit) -> None:
    trip = await visit.begin()
    assert await trip.lands(trip.saying("stranger")) == "/sorry/wrong_person"
    answer = await logged_out(visit.browser, "again")
    query = parse_qs(urlsplit(answer.said["location"]).query)
    assert find(inflated(query["SAMLRequest"][0]), "saml:NameID").text == "_somebody"
    assert query["RelayState"] == ["again"]


async def test_a_logout_there_is_promised(visit: Visit) -> None:
    assert (await visit.browser.get("/identity/logout")).said == {"there": True}


async def test_who_never_was_there_has_nothing_to_end(visit: Visit) -> None:
    assert (await logged_out(visit.browser)).status == 204


@pytest.mark.parametrize(
    ("relay", "page"),
    [
        ("again", "/entry"),
        ("home", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
    ],
)
async def test_back_from_a_logout_one_comes_to_a_page_of_ours_whatever_it_says(
    town: Town, relay: str, page: str
) -> None:
    """The provider may have had its own end before, and then says that it failed."""
    town.clock.forward(minutes=1)
    place = f"{town.around.url}/identity/saml/logout"
    message = logout_response(Envelope("_x", ISSUER, place, town.clock.at), "_y")
    find(message, ".//samlp:StatusCode").set("Value", "urn:oasis:failed")
    for by in ("provider", "stranger"):
        back = address("SAMLResponse", message, relay, key(by), "sv")
        assert await town.browser().lands(back) == page
    assert await town.browser().lands(f"{place}?SAMLResponse=x") == "/"


def their_logout(
    town: Town, by: str = "provider", issuer: str = ISSUER, **changes: str
) -> str:
    place = f"{town.around.url}/identity/saml/logout"
    at = town.clock.at - timedelta(minutes=int(changes.pop("old", "0")))
    message = logout_request(
        Envelope("_theirs", issuer, place, at),
        changes.pop("name", "_somebody"),
        changes.pop("index", "_index"),
    )
    for name, value in changes.items():
        message.set(name, value)
    made = address("SAMLRequest", message, "their-state", key(by), "sv")
    return f"{place}?{made.partition('?')[2]}"


async def test_a_logout_of_the_providers_ends_the_session_without_a_cookie(
    visit: Visit,
) -> None:
    trip = await visit.begin()
    await trip.lands(trip.saying())
    back = await visit.town.browser().lands(their_logout(visit.town))
    assert await ended(visit) == ["upstream"]
    query = parse_qs(urlsplit(back).query)
    said = inflated(query["SAMLResponse"][0])
    assert back.startswith(f"{SLO_THERE}?")
    assert query["RelayState"] == ["their-state"]
    assert said.get("InResponseTo") == "_theirs"
    assert find(said, ".//samlp:StatusCode").get("Value").endswith(":Success")


@pytest.mark.parametrize(
    "changes",
    [
        {"by": "stranger"},
        {"issuer": "https://another.example"},
        {"Destination": "https://another.example"},
        {"old": "11"},
        {"NotOnOrAfter": "2026-11-23T07:00:00Z"},
        {"Version": "1.1"},
    ],
)
async def test_a_logout_that_is_not_the_providers_ends_nothing(
    visit: Visit, changes: dict[str, str]
) -> None:
    trip = await visit.begin()
    await trip.lands(trip.saying())
    page = await visit.town.browser().lands(their_logout(visit.town, **changes))
    assert page == "/sorry/identification_failed"
    assert await ended(visit) == [None]


async def test_a_logout_whose_signature_is_cut_off_or_moved_ends_nothing(
    visit: Visit,
) -> None:
    trip = await visit.begin()
    await trip.lands(trip.saying())
    good = their_logout(visit.town)
    place, _, query = good.partition("?")
    for bad in (
        good.partition("&SigAlg")[0],
        good.partition("&Signature")[0],
        good.replace("their-state", "another"),
        good.replace("rsa-sha256", "rsa-sha1"),
        f"{good}&SAMLRequest=x",
        f"{good}&SAMLRequest={parse_qs(query)['SAMLRequest'][0]}",
        f"{place}?SAMLRequest=x",
        f"{place}?",
    ):
        page = await visit.town.browser().lands(bad)
        assert page == "/sorry/identification_failed"
    assert await ended(visit) == [None]


async def test_a_logout_that_inflates_without_end_is_refused(town: Town) -> None:
    town.clock.forward(minutes=1)
    place = f"{town.around.url}/identity/saml/logout"
    bomb = etree.Element(f"{{{SAMLP}}}LogoutRequest", Destination=place)
    bomb.text = "x" * 5_000_000
    back = address("SAMLRequest", bomb, None, key("provider"), "sv")
    assert await town.browser().lands(back) == "/sorry/identification_failed"


async def test_the_metadata_say_what_suomifi_wants_to_know(town: Town) -> None:
    async with (
        ClientSession() as http,
        http.get(f"{town.around.url}/identity/saml/metadata") as answer,
    ):
        assert answer.content_type == "application/samlmetadata+xml"
        root: Any = etree.fromstring(await answer.read())
    ns = {
        "md": "urn:oasis:names:tc:SAML:2.0:metadata",
        "mdui": "urn:oasis:names:tc:SAML:metadata:ui",
        "ds": "http://www.w3.org/2000/09/xmldsig#",
        "saml": SAML,
    }
    said = {
        each.get("FriendlyName", each.get("Name")): [value.text for value in each]
        for each in root.iterfind(".//saml:Attribute", ns)
    }
    assert root.get("entityID") == US
    assert said == {
        "FinnishAuthMethod": [
            "http://ftn.ficora.fi/2017/loa2",
            "http://ftn.ficora.fi/2017/loa3",
        ],
        "VtjVerificationRequired": ["true"],
        "SkipEndpointValidationWhenSigned": ["false"],
        "EidasSupport": ["none"],
        "CipherName": ["AES-GCM"],
    }
    assert [each.get("use") for each in root.iterfind(".//md:KeyDescriptor", ns)] == [
        "signing",
        "signing",
        "encryption",
        "encryption",
    ]
    languages = [
        each.get("{http://www.w3.org/XML/1998/namespace}lang")
        for each in root.iterfind(".//mdui:DisplayName", ns)
    ]
    assert languages == ["fi", "sv", "en"]
    services = {
        etree.QName(each).localname: each.get("Location")
        for each in root.iterfind(".//*[@Location]")
    }
    assert services == {
        "SingleLogoutService": f"{town.around.url}/identity/saml/logout",
        "AssertionConsumerService": f"{town.around.url}/identity/saml/acs",
    }
    asked = root.iterfind(".//md:RequestedAttribute", ns)
    assert NATIONAL_ID in [each.get("Name") for each in asked]
    technical = root.find(".//md:ContactPerson[@contactType='technical']", ns)
    assert technical is not None
    assert "PRIVATE" not in etree.tostring(root).decode()


async def test_while_our_keys_change_what_is_sealed_for_either_is_opened(
    town: Town,
) -> None:
    for sealing in ("ours", "ours-next"):
        visit = await a_visit(town)
        trip = await visit.begin()
        assert await trip.lands(trip.saying(sealing=sealing)) == "/visit"


async def test_nothing_personal_is_logged(visit: Visit) -> None:
    """Everything above was logged too, and is looked through here."""
    trip = await visit.begin()
    there = await trip.posted(trip.saying())
    await visit.browser.lands(there)
    known = person("sv", TODAY)
    logged = visit.town.logged
    assert visit.appointment_id in logged
    secrets = [known.national_id.get_secret_value(), known.surname, known.first_names]
    secrets += [trip.query["RelayState"], there.partition("=")[2], visit.link]
    secrets += ["_somebody", "_index", visit.browser.cookies[ATTEMPT]]
    assert [each for each in secrets if each in logged] == []


async def test_what_is_remembered_is_forgotten_in_time(visit: Visit) -> None:
    trip = await visit.begin()
    await trip.lands(trip.saying("stranger"))
    assert await visit.town.rows("SELECT 1 FROM provider_login")
    visit.town.clock.forward(hours=3)
    assert (await logged_out(visit.browser)).status == 204


def test_of_the_doors_of_saml_only_one_takes_what_other_sites_post() -> None:
    app = assemble(settings(AROUND, **SETTINGS))
    open_to_others = {
        route.resource.canonical
        for route in app.router.routes()
        if app[DOORS].access.get(route.handler) is Access.PROVIDER and route.resource
    }
    assert open_to_others == {
        "/identity/saml/acs",
        "/identity/staff/backchannel-logout",
    }
