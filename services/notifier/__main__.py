"""`python -m services.notifier` serves; `… migrate` brings the schema up to date."""

from chassis.run import main
from services.notifier.app import assemble
from services.notifier.settings import NotifierSettings

if __name__ == "__main__":
    main("notifier", NotifierSettings, assemble)
