"""The invitation service as a process."""

from chassis.run import main
from services.invitation.app import assemble
from services.invitation.settings import Settings

main("invitation", Settings, assemble)
