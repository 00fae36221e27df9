"""What the lobby declines to do."""

from chassis.refusal import Refusal


class NoVisit(Refusal):
    """The booking or the identification has not been heard of, here and now."""

    code = "no_visit"


class NotOpenYet(Refusal):
    code = "not_open_yet"


class AppointmentIsCancelled(Refusal):
    code = "appointment_cancelled"


class AppointmentIsOver(Refusal):
    code = "appointment_over"


class AlreadyInCall(Refusal):
    code = "already_in_call"


class NobodyThere(Refusal):
    """No such place, or one in another unit: the two must look the same."""

    code = "nobody_there"


class NotWaiting(Refusal):
    code = "not_waiting"


class NotInCall(Refusal):
    code = "not_in_call"


class SomeoneWasFirst(Refusal):
    code = "someone_was_first"


class AlreadyBegun(Refusal):
    code = "already_begun"


class NothingSeen(Refusal):
    """A decision must say which version of the place it was made on."""

    code = "nothing_seen"


class NoSuchMessage(Refusal):
    """None by that name, or one that is for somebody else."""

    code = "no_such_message"
