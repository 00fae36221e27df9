"""Who knows the guardians, made from the settings."""

from uuid import uuid4

from chassis.clock import Clock
from chassis.logs import Log
from services.identity.appointments import Keeper
from services.identity.guardians import BookingsList, Guardianship, Nobody
from services.identity.seals import Seal
from services.identity.settings import Guardians, Settings, needed
from services.identity.valtuudet import Service, Valtuudet


def guardians(settings: Settings, clock: Clock, log: Log) -> Guardianship:
    match settings.guardians:
        case Guardians.BOOKING:
            return BookingsList()
        case Guardians.NONE:
            return Nobody()
        case Guardians.VALTUUDET:
            us, key = settings.valtuudet_client_id, settings.valtuudet_api_key
            service = Service(settings.valtuudet_url, needed(us), needed(key))
            return Valtuudet(service, _seal(settings), clock, uuid4, log)


def keeper(settings: Settings) -> Keeper | None:
    """Children's codes are kept, sealed, only where they must be told on."""
    if settings.guardians is not Guardians.VALTUUDET:
        return None
    return Keeper(_seal(settings), settings.guardian_age_limit)


def _seal(settings: Settings) -> Seal:
    return Seal(needed(settings.national_id_key), "national id")
