"""The bookings that the demo starts with."""

from datetime import datetime, timedelta

from dev.booking import Booking
from dev.persons import persons, professional

OPEN_NOW = "demo-now"
OPENS_SOON = "demo-soon"
CHILD_OF_8 = "demo-child-8"
CHILD_OF_13 = "demo-child-13"
TOMORROW = "demo-tomorrow"


def bookings(now: datetime) -> tuple[Booking, ...]:
    """Open now, in two minutes, for each child, and tomorrow at another unit."""
    who = {each.key: each for each in persons(now.date())}
    nurse, dentist = professional("professional"), professional("other-unit")
    soon, tomorrow = now + timedelta(minutes=2), now + timedelta(days=1)
    return (
        Booking(OPEN_NOW, who["sv"], nurse, now, texts=True),
        Booking(OPENS_SOON, who["fi"], nurse, soon),
        Booking(CHILD_OF_8, who["child-8"], nurse, now),
        Booking(CHILD_OF_13, who["child-13"], nurse, now),
        Booking(TOMORROW, who["en"], dentist, tomorrow, "oral_health"),
    )
