"""Which tests of a run may go on beside each other, and which begin.

A run of `make test` has two workers, each with servers and databases of its own. A file
stays with one worker, since its tests share what a fixture of the module has made. Calls
between browsers, services that fall and thousands of streams are heavy: one worker has
all of them, one after the other, and the other all that mostly waits.
"""

from xdist.scheduler import LoadScopeScheduling

ALONE = (
    "tests/chaos/",
    "tests/journeys/",
    "tests/frontend/",
    "tests/notifier/test_many_streams.py",
    "tests/signalling/test_browsers.py",
    "tests/deploy/test_turn.py",
    "tests/bench/",
)


class Schedule(LoadScopeScheduling):
    """Tests of one scope run on one worker, in their order."""

    def _split_scope(self, nodeid: str) -> str:
        return "alone" if is_alone(nodeid) else nodeid.partition("::")[0]


def is_alone(nodeid: str) -> bool:
    """Whether nothing else of its kind may run beside it."""
    return nodeid.startswith(ALONE)
