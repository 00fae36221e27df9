"""Nothing personal in the log of all journeys. Runs after them, since its name is last."""

import json
from pathlib import Path

from tests.journeys.suite import Suite


async def test_the_log_of_the_whole_run_holds_nothing_personal(
    suite: Suite, log_file: Path
) -> None:
    booking = await suite.book("fi")
    patient = await suite.identified(booking, "fi")
    await patient.skip_checks()
    await patient.asks()

    log = log_file.read_text()  # noqa: ASYNC240 - a moment at the very end
    lines = [json.loads(line) for line in log.splitlines()]
    speakers = {line.get("service") for line in lines}
    assert {"invitation", "identity", "lobby", "notifier"} <= speakers
    assert any(line.get("route") == "/v/{link}" for line in lines)
    assert len(suite.used) > 4
    for personal in suite.used:
        assert personal not in log
