"""`python -m services.signalling` serves; `… migrate` brings the schema up to date."""

from chassis.run import main
from services.signalling.app import assemble
from services.signalling.settings import Settings

if __name__ == "__main__":
    main("signalling", Settings, assemble)
