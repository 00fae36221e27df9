"""Guardians by Suomi.fi e-Authorizations: whatever is not a plain yes is a no."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
import pytest_asyncio
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from yarl import URL

from chassis.logs import log
from contract.identity import Role
from dev import kafka as kafkas
from dev import postgres as postgreses
from dev.idp.visitor import choose
from dev.programs import free_port
from dev.site import serve
from services.identity.appointments import Appointments, Keeper
from services.identity.domain import Attendee, Digest, GuardianNotConfirmed
from services.identity.guardians import Claim
from services.identity.national_id import NationalId
from services.identity.seals import Seal
from services.identity.valtuudet import Service, Valtuudet, authorization
from tests.identity.authorizations import API_KEY, CLIENT_ID, Register
from tests.identity.browser import Browser
from tests.identity.conftest import Town, building, settings
from tests.identity.people import TEN, Clock, booked, cancelled
from tests.identity.test_login import VISIT, audited, code, invited, session
from tests.identity.test_settings import AROUND

KEY = SecretStr("a key of one test run, long enough")
PATH = (
    "/service/hpa/user/register/ed4b7ae7/080297-915A"
    "?requestId=02fd35dc-99e6-477b-b6e2-03f02cbf3666"
)
US = Service("http://valtuudet.example", CLIENT_ID, SecretStr(API_KEY))
REFUSED = (403, "guardian_not_confirmed")


@pytest.mark.parametrize(
    ("stamp", "checksum"),
    [
        ("2017-02-09T10:29:42.09Z", "z7X+xWtrvth1L7Ql6B/4xZ0iQ1VjToWX4TnHVLo8RGo="),
        (
            "2017-02-09T10:29:42.090000+00:00",
            "GeRKoGmGd0RFk33s2vNHutJf/TrEdwSM2Vb7qWXLESY=",
        ),
    ],
)
def test_the_checksum_is_as_dvv_has_published_it(stamp: str, checksum: str) -> None:
    assert authorization(US, PATH, stamp) == f"{CLIENT_ID} {stamp} {checksum}"


def test_the_client_does_not_print_its_key() -> None:
    assert API_KEY not in repr(US)


@dataclass(frozen=True)
class County:
    """A town that asks e-Authorizations."""

    town: Town
    register: Register


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def county_built(
    database: postgreses.Database, kafka: kafkas.Cluster
) -> AsyncIterator[County]:
    port, clock = free_port(), Clock()
    register = Register(clock)
    changes = {
        "GUARDIANS": "valtuudet",
        "VALTUUDET_URL": f"http://127.0.0.1:{port}",
        "VALTUUDET_CLIENT_ID": CLIENT_ID,
        "VALTUUDET_API_KEY": API_KEY,
        "NATIONAL_ID_KEY": KEY.get_secret_value(),
    }
    async with (
        serve(register.application(), port),
        building(database, kafka, **changes) as town,
    ):
        keeper = Keeper(Seal(KEY, "national id"), age_limit=12)
        town.appointments = Appointments(
            town.database, town.clock, town.register, keeper
        )
        register.clock = town.clock
        yield County(town, register)


@pytest.fixture
def county(county_built: County) -> County:
    county_built.town.clock.at = TEN
    county_built.town.spoil = {}
    register = county_built.register
    register.clock, register.instead = county_built.town.clock, None
    register.piece = None
    register.guardians = {(code("guardian"), code("child-8"))}
    register.asked.clear()
    register.users.clear()
    return county_built


async def arrives(
    county: County, who: str = "guardian", patient: str = "child-8", *named: str
) -> tuple[str, Browser, str]:
    """Someone identifies for this patient's appointment; says on which page they are."""
    appointment_id, link = await invited(county.town, patient, *named)
    browser = county.town.browser()
    page = await browser.lands(await choose(await browser.login(link), who))
    return appointment_id, browser, page


async def refusal(browser: Browser) -> tuple[int, str]:
    answer = await browser.acts()
    assert VISIT not in browser.cookies
    return answer.status, answer.said["code"]


async def test_a_guardian_whom_the_booking_does_not_name_is_let_in(
    county: County,
) -> None:
    _, browser, page = await arrives(county)
    assert page == "/acting"
    assert (await browser.acts()).status == 204
    has = await session(county.town, browser)
    assert has.role == "guardian"
    assert county.register.users == [has.sub]


@pytest.mark.parametrize("piece", [8, 1])
async def test_a_yes_may_come_in_pieces(county: County, piece: int) -> None:
    county.register.piece = piece
    _, browser, _ = await arrives(county)
    assert (await browser.acts()).status == 204


async def test_nobody_is_asked_about_before_the_guardians_act(county: County) -> None:
    _, browser, _ = await arrives(county)
    assert county.register.asked == []
    await browser.acts("/no")
    assert county.register.asked == []


async def test_a_no_is_told_in_neutral_words_and_noted(county: County) -> None:
    county.register.guardians.clear()
    appointment_id, browser, _ = await arrives(county)
    assert await refusal(browser) == REFUSED
    lines = await audited(county.town, appointment_id)
    assert [line["code"] or line["what"] for line in lines] == [
        "acts_for_child",
        "guardian_not_confirmed",
    ]
    assert '"answer": "disallowed"' in county.town.logged


async def test_a_guardian_whom_the_booking_names_is_asked_about_too(
    county: County,
) -> None:
    county.register.guardians.clear()
    _, browser, _ = await arrives(county, "guardian", "child-8", "guardian")
    assert await refusal(browser) == REFUSED


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, ""),
        (500, '{"result": "ALLOWED"}'),
        (302, ""),
        (204, ""),
        (200, ""),
        (200, "ALLOWED"),
        (200, "\x00{"),
        (200, '{"result": "allowed"}'),
        (200, '{"result": ["ALLOWED"]}'),
        (200, '{"result": true}'),
        (200, '["ALLOWED"]'),
        (200, "{}"),
        (200, '{"result": "ALLOWED"' + " " * 5000 + "}"),
    ],
)
async def test_an_answer_that_is_no_plain_yes_is_a_no(
    county: County, status: int, body: str
) -> None:
    county.register.instead = web.Response(
        status=status, text=body, headers={"Location": "http://127.0.0.1:1/"}
    )
    _, browser, _ = await arrives(county)
    assert await refusal(browser) == REFUSED


async def test_a_wrong_clock_is_refused_there_and_so_here(county: County) -> None:
    county.register.clock = Clock(TEN.replace(hour=6))
    _, browser, _ = await arrives(county)
    assert await refusal(browser) == REFUSED
    assert '"answer": "key_refused"' in county.town.logged


async def test_an_adults_visitor_is_a_stranger_and_nobody_is_asked(
    county: County,
) -> None:
    _, _, page = await arrives(county, "guardian", "sv")
    assert page == "/sorry/wrong_person"
    assert county.register.asked == []


@pytest.mark.parametrize(
    ("named", "page"),
    [
        (("guardian",), "/sorry/child_needs_own_credentials"),
        ((), "/sorry/wrong_person"),
    ],
)
async def test_the_guardian_of_a_child_of_13_is_refused_before_any_question(
    county: County, named: tuple[str, ...], page: str
) -> None:
    county.register.guardians.add((code("guardian"), code("child-13")))
    assert (await arrives(county, "guardian", "child-13", *named))[2] == page
    assert county.register.asked == []


async def test_the_childs_code_is_kept_sealed_and_only_a_childs(county: County) -> None:
    kept = {}
    for patient in ("child-8", "child-13", "sv"):
        appointment_id, _ = await invited(county.town, patient, "guardian")
        rows = await county.town.rows(
            "SELECT sealed FROM attendee WHERE appointment_id = $1", appointment_id
        )
        kept[patient] = [row["sealed"] for row in rows if row["sealed"] is not None]
    assert (len(kept["child-8"]), kept["child-13"], kept["sv"]) == (1, [], [])
    assert code("child-8").encode() not in kept["child-8"][0]


async def sealed(county: County, appointment_id: str) -> int:
    rows = await county.town.rows(
        "SELECT 1 FROM attendee WHERE appointment_id = $1 AND sealed IS NOT NULL",
        appointment_id,
    )
    return len(rows)


async def test_the_kept_code_is_erased_when_the_appointment_is_over(
    county: County,
) -> None:
    town = county.town
    appointment_id, _ = await invited(town, "child-8")
    town.clock.forward(minutes=40)
    await town.appointments.forget()
    assert (
        await sealed(county, appointment_id) == 1
    )  # a quarter of an hour after its end
    town.clock.forward(minutes=10)
    await town.appointments.forget()
    assert await sealed(county, appointment_id) == 0


async def test_the_kept_code_is_erased_when_the_appointment_is_cancelled(
    county: County,
) -> None:
    appointment_id, _ = await invited(county.town, "child-8")
    await county.town.hear(cancelled(appointment_id, 1))
    assert await sealed(county, appointment_id) == 0
    await county.town.hear(booked(appointment_id, 2, code("child-8")))
    assert await sealed(county, appointment_id) == 1


async def test_without_a_kept_code_the_guardian_is_refused(county: County) -> None:
    """Booked before e-Authorizations were asked, or sealed with a key that is gone."""
    for broken in ("NULL", "'\\x00'::bytea"):
        appointment_id, browser, _ = await arrives(county)
        async with county.town.database.writing() as tx:
            await tx.execute(
                f"UPDATE attendee SET sealed = {broken} WHERE appointment_id = $1",  # noqa: S608 - ours
                appointment_id,
            )
        assert await refusal(browser) == REFUSED
    assert county.register.asked == []


async def test_no_log_line_has_a_code_or_the_address_that_was_asked(
    county: County,
) -> None:
    _, browser, _ = await arrives(county)
    await browser.acts()
    (path,) = county.register.asked
    assert code("child-8") in path
    for hidden in (code("child-8"), code("guardian"), "/service/rest", API_KEY):
        assert hidden not in county.town.logged


def client(service: Service) -> Valtuudet:
    seal = Seal(KEY, "national id")
    return Valtuudet(service, seal, Clock(), uuid4, log("identity"))


def claim() -> Claim:
    guardian, child = NationalId(code("guardian")), NationalId(code("child-8"))
    sealed = Seal(KEY, "national id").closed(child.text, "a-1")
    digest = Digest("k", b"c" * 32)
    attendee = Attendee(Role.PATIENT, digest, child.birth_date, sealed)
    return Claim("a-1", "who", guardian, attendee)


async def quoted(asking: Valtuudet) -> str:
    """All that the refusal tells, down to what it came of."""
    with pytest.raises(GuardianNotConfirmed) as refused:
        await asking.confirm(claim())
    return "".join(traceback.format_exception(refused.value))


async def test_nobody_there_is_a_no_that_quotes_nothing() -> None:
    away = Service(f"http://127.0.0.1:{free_port()}", CLIENT_ID, SecretStr(API_KEY))
    told = await quoted(client(away))
    for hidden in (code("child-8"), code("guardian"), "/service/rest"):
        assert hidden not in told


async def test_who_does_not_answer_in_time_is_a_no_that_quotes_nothing() -> None:
    never = asyncio.Event()

    async def wait(_: web.Request) -> web.Response:
        await never.wait()
        return web.json_response({"result": "ALLOWED"})

    app, port = web.Application(), free_port()
    app.router.add_get("/{rest:.*}", wait)
    slow = Service(
        f"http://127.0.0.1:{port}", CLIENT_ID, SecretStr(API_KEY), patience=0.1
    )
    async with serve(app, port):
        told = await quoted(client(slow))
        never.set()
    for hidden in (code("child-8"), code("guardian"), "/service/rest"):
        assert hidden not in told


codes = st.text(st.sampled_from("0123456789+-ABCDEFUVWXY"), min_size=11, max_size=11)


@given(codes, codes)
def test_what_is_signed_is_what_is_sent_to_the_byte(guardian: str, child: str) -> None:
    path = client(US)._path(guardian, child)  # noqa: SLF001 - below the port
    url = URL(US.url + path, encoded=True)
    assert url.raw_path_qs == path
    assert "+" not in path


@pytest.mark.parametrize(
    "missing", ["VALTUUDET_CLIENT_ID", "VALTUUDET_API_KEY", "NATIONAL_ID_KEY"]
)
def test_asking_needs_a_key_there_and_a_key_here(missing: str) -> None:
    told = {
        "GUARDIANS": "valtuudet",
        "VALTUUDET_CLIENT_ID": CLIENT_ID,
        "VALTUUDET_API_KEY": API_KEY,
        "NATIONAL_ID_KEY": KEY.get_secret_value(),
    }
    settings(AROUND, **told)
    del told[missing]
    with pytest.raises(ValidationError, match=missing):
        settings(AROUND, **told)
