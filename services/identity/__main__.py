"""`python -m services.identity` serves, `… migrate` migrates, `… audit --help` tells how to
read the audit.
"""

from chassis import run
from services.identity.app import assemble
from services.identity.settings import Settings

if __name__ == "__main__":
    run.main("identity", Settings, assemble)
