import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import stamina

from chassis import logs
from tests.logbook import listening

SECRET = "010190-123A"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a process would print, with its logs set up."""
    with listening() as lines:
        yield lines


def _lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def _fail() -> None:
    raise ValueError(f"{SECRET} is no number")


def test_a_deed_is_one_line_of_json(written: io.StringIO) -> None:
    logs.log("lobby").info("A place was kept.", appointment_id="a-1")
    [line] = _lines(written)
    assert line["event"] == "A place was kept."
    assert (line["service"], line["appointment_id"]) == ("lobby", "a-1")
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


def test_less_than_the_level_is_not_written(written: io.StringIO) -> None:
    logs.log("lobby").debug("A thought.")
    assert written.getvalue() == ""


def test_of_an_exception_its_type_and_places_are_logged_and_not_its_message(
    written: io.StringIO,
) -> None:
    try:
        _fail()
    except ValueError as error:
        logs.log("lobby").error("It failed.", **logs.trouble(error))
    [line] = _lines(written)
    assert line["error"] == "ValueError"
    assert any(place.endswith("_fail") for place in line["places"])
    assert SECRET not in written.getvalue()


def test_a_librarys_record_keeps_its_place_and_not_its_text(
    written: io.StringIO,
) -> None:
    library = logging.getLogger("some.library")
    try:
        _fail()
    except ValueError:
        library.exception("failed with %s", SECRET)
    library.warning("a row: %s", {"hetu": SECRET})
    assert SECRET not in written.getvalue()
    first, second = _lines(written)
    assert (first["logger"], first["error"]) == ("some.library", "ValueError")
    assert "test_logs.py" in second["place"]


def test_a_warning_does_not_quote_either(written: io.StringIO) -> None:
    logging.captureWarnings(capture=True)
    try:
        logging.getLogger("py.warnings").warning("%s", SECRET)
    finally:
        logging.captureWarnings(capture=False)
    assert SECRET not in written.getvalue()


def test_a_retry_is_logged_without_the_message_of_what_failed(
    written: io.StringIO,
) -> None:
    """The library for retries finds structlog by itself, and quotes the exception."""
    tries = 0

    @stamina.retry(on=ValueError, attempts=2, wait_initial=0, wait_jitter=0)
    def try_it(_: str) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            _fail()

    try_it(SECRET)
    assert tries == 2
    assert SECRET not in written.getvalue()
    [line] = _lines(written)
    assert line["error"] == "ValueError"
