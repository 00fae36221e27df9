"""`python -m services.notifier` serves; `… migrate` brings the schema up to date;
`… replay` says again to a unit's system what it has missed."""

import sys

from chassis.run import main
from services.notifier import replay
from services.notifier.app import assemble
from services.notifier.settings import NotifierSettings

if __name__ == "__main__":
    if sys.argv[1:2] == ["replay"]:
        replay.main(sys.argv[2:])
    else:
        main("notifier", NotifierSettings, assemble)
