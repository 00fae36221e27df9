"""`python -m services.identity` serves; `python -m services.identity migrate` migrates."""

from chassis import run
from services.identity.app import assemble
from services.identity.settings import Settings

if __name__ == "__main__":
    run.main("identity", Settings, assemble)
