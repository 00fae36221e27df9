"""The lobby as a process."""

from chassis.run import main
from services.lobby.app import assemble
from services.lobby.settings import Settings

main("lobby", Settings, assemble)
