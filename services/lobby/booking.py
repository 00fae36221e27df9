"""What the booking system's word does to a visit and its places.

Pure: no clock, no database, no network.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from contract.appointment import UNHEARD, Aspect
from contract.booking import AppointmentBooked, AppointmentCancelled, Change, Timed
from services.lobby.domain import UNBEGUN, Details, Status, Visit
from services.lobby.place import Place, State


class Turn(StrEnum):
    """What a change means to what is known of a slot.

    ================  ==================  ======================  =======================
    .                 HOLDS               GOES_ON                 AFRESH
    ================  ==================  ======================  =======================
    admitted, ended   stays               stays                   is forgotten
    missed, unserved  stays, unless time  is forgotten            is forgotten
                      is left now
    late              stays               is forgotten            is forgotten
    who waits         waits               waits, and that is      the same, or waits no
                                          said of the new slot    more for a time to come
    who was let in    stays               stays                   stays in a call; is
                                                                  otherwise let in no more
    ================  ==================  ======================  =======================
    """

    HOLDS = "holds"  # a correction, or another end
    GOES_ON = "goes_on"  # by a start that has come: the same visit by another time
    AFRESH = "afresh"  # a time to come, a cancellation, another booking


def changed(visit: Visit, change: Change, now: datetime) -> Visit:
    """With what is new in this word."""
    renewed = visit.heard.renewed_by(change)
    after = replace(visit, heard=visit.heard.and_then(change))
    if Aspect.DETAILS in renewed and isinstance(change, AppointmentBooked):
        after = replace(after, details=_details(change))
    if Aspect.TIMES in renewed and isinstance(change, Timed):
        after = replace(after, starts_at=change.starts_at, ends_at=change.ends_at)
    if Aspect.STATUS in renewed:
        off = isinstance(change, AppointmentCancelled)
        after = after.cancelled() if off else after.not_cancelled()
    return _course(visit, after, now)


def kept(place: Place, before: Visit, after: Visit, now: datetime) -> Place:
    """Somebody's place, now that the one visit has become the other."""
    to_come = after.starts_at is not None and not after.has_come(now)
    if place.state is not State.ADMITTED:
        return place.postponed(now) if to_come else place
    if _is_shut(place, before, after, now):
        return place.postponed(now)
    return replace(place, asked_at=None) if to_come else place


def has_another_slot(before: Visit, after: Visit) -> bool:
    """Whether what was said of the one visit may be over for the other."""
    return before.status is Status.CANCELLED or after.heard.over > before.heard.over


def turn(before: Visit, after: Visit, sequence: int, now: datetime) -> Turn:
    """What has become of the slot of this sequence."""
    moved = before.starts_at not in {None, after.starts_at}
    uncounted = moved and after.heard.times == before.heard.times
    over = has_another_slot(before, after) and sequence <= after.heard.over
    if not over and not uncounted:
        return Turn.HOLDS
    goes_on = moved and after.status is not Status.CANCELLED and after.has_come(now)
    return Turn.GOES_ON if goes_on and _joins(before, after) else Turn.AFRESH


def _joins(before: Visit, after: Visit) -> bool:
    """Whoever is seen again after the end is seen another time."""
    ended, starts = before.ends_at, after.starts_at
    return ended is not None and starts is not None and starts < ended


def _course(before: Visit, after: Visit, now: datetime) -> Visit:
    match turn(before, after, after.slot_sequence, now):
        case Turn.HOLDS:
            return after.not_over() if _has_time_again(before, after, now) else after
        case Turn.GOES_ON if after.has_begun():
            return after.going_on()
        case _:
            return after.afresh()


def _has_time_again(before: Visit, after: Visit, now: datetime) -> bool:
    ended, ends = before.ends_at, after.ends_at
    longer = ended is not None and ends is not None and max(ended, now) < ends
    return longer and after.status in UNBEGUN


def _is_shut(place: Place, before: Visit, after: Visit, now: datetime) -> bool:
    """A door that was opened for one slot is not open for the next.

    Who was in a call at the one change is in it at the next, which we hear no more of.
    """
    sequence = UNHEARD if place.slot_sequence is None else place.slot_sequence
    stayed = UNHEARD < sequence <= before.heard.over
    if stayed or before.in_call_since is not None:
        return False
    return turn(before, after, sequence, now) is Turn.AFRESH


def _details(booked: AppointmentBooked) -> Details:
    return Details(
        booked.unit, booked.service, booked.professional, booked.patient.name
    )
