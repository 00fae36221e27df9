from datetime import timedelta

import pytest

from chassis import limits
from chassis.limits import Limit, TooMany
from tests.chassis.conftest import Watch


def _takes(limit: Limit, client: str, times: int) -> int:
    taken = 0
    for _ in range(times):
        try:
            limit.take(client)
        except TooMany:
            continue
        taken += 1
    return taken


def test_a_burst_is_allowed_and_no_more(watch: Watch) -> None:
    assert _takes(Limit(1, 5, watch), "a", 20) == 5


def test_a_share_grows_back_with_time_but_not_beyond_a_burst(watch: Watch) -> None:
    limit = Limit(2, 5, watch)
    _takes(limit, "a", 20)
    watch.turn(timedelta(seconds=1))
    assert _takes(limit, "a", 20) == 2
    watch.turn(timedelta(hours=1))
    assert _takes(limit, "a", 20) == 5


def test_it_says_in_how_many_whole_seconds_to_come_back(watch: Watch) -> None:
    limit = Limit(0.1, 1, watch)
    limit.take("a")
    with pytest.raises(TooMany) as no:
        limit.take("a")
    assert no.value.more == {"retry_after": 10}
    watch.turn(timedelta(seconds=10))
    limit.take("a")


def test_one_clients_tries_do_not_cost_another(watch: Watch) -> None:
    limit = Limit(1, 3, watch)
    _takes(limit, "a", 20)
    assert _takes(limit, "b", 20) == 3


def test_strangers_do_not_fill_the_memory(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLIENTS", 10)
    limit = Limit(1, 1, watch)
    for number in range(11):
        limit.take(str(number))
    limit.take("0")  # forgotten, and so welcome again
    with pytest.raises(TooMany):
        limit.take("10")
