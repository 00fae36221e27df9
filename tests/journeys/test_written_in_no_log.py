"""Nothing personal where it does not belong: logs, metrics, addresses, tables.

Runs after the other journeys, since its name is last, and looks through what they left.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_plus

import asyncpg
import pytest_asyncio
from prometheus_client import generate_latest

from tests.journeys.suite import OWN_WORDS, Suite

CODE = re.compile(r"\d{6}[-+A-Y]\d{3}[0-9A-Y]")
LINK = re.compile(r"[A-Za-z0-9_-]{22}")
PASSING_ON = {"outbox"}  # what is on its way to Kafka says what its event says
Place = tuple[str, str]
# Where each kind of what is personal may lie, and nowhere else.
STAYS_IN: dict[str, set[Place]] = {
    "names": {("lobby", "visit"), ("lobby", "place")},
    "mail": {("invitation", "appointment"), ("invitation", "companion")},
    "telephones": {("notifier", "contact")},
    "own words": {("lobby", "message")},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def walked(suite: Suite) -> Suite:
    """In, and in again by the link; refused; asked; out everywhere."""
    booking = await suite.book("fi")
    patient = await suite.identified(booking, "fi")
    await patient.skip_checks()
    await patient.asks()
    nurse = await suite.staff()
    await nurse.writes(booking.appointment_id, suite.words("vänta en stund"))
    tab = await patient.page.context.new_page()
    await tab.goto(await suite.link(booking))
    await tab.wait_for_url("**/visit")  # no second identification
    await tab.close()
    stranger = await suite.patient("fi")
    await stranger.open(await suite.link(booking))
    await stranger.identify("stranger")
    await stranger.sees_problem("wrong_person")
    await patient.does("log-out")
    await patient.does("log-out-everywhere")
    await patient.page.wait_for_url(f"{suite.around.url}/")
    return suite


def codes(suite: Suite) -> set[str]:
    return {each for each in suite.used if CODE.fullmatch(each)}


def links(suite: Suite) -> set[str]:
    return {each for each in suite.used if LINK.fullmatch(each)}


def kinds(suite: Suite) -> dict[str, set[str]]:
    """What was used and is neither a code nor a link, told apart by its look."""
    rest = suite.used - codes(suite) - links(suite)
    found: dict[str, set[str]] = {kind: set() for kind in STAYS_IN}
    for each in rest:
        found[_kind(each)].add(each)
    return found


def _kind(personal: str) -> str:
    if "@" in personal:
        return "mail"
    if personal.startswith("+"):
        return "telephones"
    return "own words" if personal.startswith(OWN_WORDS) else "names"


async def test_the_log_of_the_whole_run_holds_nothing_personal(
    walked: Suite, log_file: Path
) -> None:
    log = log_file.read_text()  # noqa: ASYNC240 - a moment at the very end
    lines = [json.loads(line) for line in log.splitlines()]
    speakers = {line.get("service") for line in lines}
    assert {"invitation", "identity", "lobby", "notifier"} <= speakers
    assert any(line.get("route") == "/v/{link}" for line in lines)
    assert all((codes(walked), links(walked), *kinds(walked).values()))
    for personal in walked.used:
        assert personal not in log


async def test_no_metric_holds_anything_personal(walked: Suite) -> None:
    told = generate_latest().decode()
    assert "identity_identifications_total" in told
    assert [each for each in walked.used if each in told] == []


async def test_no_address_holds_anything_personal_but_the_link_its_own(
    walked: Suite,
) -> None:
    """Neither ours, nor the identity provider's."""
    asked = [unquote_plus(each) for each in walked.asked]
    assert any(walked.around.idp_url in each for each in asked)
    for personal in walked.used - links(walked):
        assert not any(personal in each for each in asked)
    for link in links(walked):
        own = f"{walked.around.url}/v/{link}"
        told = [each for each in asked if link in each]
        assert all(each.startswith(own) for each in told)


async def test_the_tables_hold_what_is_theirs_and_no_code_of_a_person(
    walked: Suite,
) -> None:
    nowhere = codes(walked) | links(walked)
    found: dict[str, set[Place]] = {kind: set() for kind in STAYS_IN}
    for service, address in walked.around.databases.items():
        for table, text in await everything(address, service):
            assert not [each for each in nowhere if each in text], (service, table)
            if table in PASSING_ON:
                continue
            for kind, personal in kinds(walked).items():
                if any(each in text for each in personal):
                    found[kind].add((service, table))
    for kind, places in found.items():
        assert places, kind
        assert places <= STAYS_IN[kind], kind


async def everything(address: str, service: str) -> list[tuple[str, str]]:
    """Each table of a service's, as one text."""
    connection = await asyncpg.connect(address)
    try:
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = $1", service
        )
        return [
            (
                name,
                "\n".join(written(await connection.fetch(f"TABLE {service}.{name}"))),
            )
            for (name,) in tables
        ]
    finally:
        await connection.close()


def written(rows: list[asyncpg.Record]) -> Iterator[str]:
    for row in rows:
        for value in row.values():
            yield (
                value.decode("utf-8", "replace")
                if isinstance(value, bytes)
                else str(value)
            )
