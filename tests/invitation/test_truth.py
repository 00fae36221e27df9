"""In any order and however often: no e-mail says what is untrue, none says it twice."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from itertools import pairwise
from typing import Any

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.database import Database
from contract.booking import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentRescheduled,
    Change,
    Language,
    Timed,
)
from contract.envelope import Event
from contract.lobby import AppointmentDelayed
from services.invitation.domain import Delivery
from tests.invitation import office as offices
from tests.invitation.office import (
    HALF_HOUR,
    NOON,
    Office,
    booking,
    cancelled,
    email_of,
    moved,
)
from tests.invitation.test_companions import text
from tests.invitation.test_delays import delayed

AHEAD = (timedelta(days=1), timedelta(minutes=15))


@pytest_asyncio.fixture(loop_scope="session")
async def office(room: Database) -> AsyncIterator[Office]:
    async with room.writing() as tx:
        await tx.execute(
            "TRUNCATE appointment, companion, delivery, inbox, outbox, link_key"
        )
    async with offices.office(room, ahead=AHEAD) as made:
        yield made


@dataclass(frozen=True)
class Step:
    """So long after the step before, this is heard; or only time passes."""

    after: timedelta
    said: Event | None


def _said(draw: st.DrawFn, booked: AppointmentBooked) -> list[Event]:
    """An appointment's life."""
    life: list[Event] = [booked]
    kinds = draw(
        st.lists(st.sampled_from(["move", "cancel", "book", "late"]), max_size=6)
    )
    for sequence, kind in enumerate(kinds, start=1):
        hours = draw(st.sampled_from([-24, 0, 1, 2, 48]))
        match kind:
            case "move":
                life.append(moved(booked, sequence, hours))
            case "cancel":
                life.append(cancelled(booked, sequence))
            case "book":
                life.append(_booked_anew(booked, sequence, hours))
            case "late":
                minutes = draw(st.sampled_from([0, 5, 10, 20]))
                life.append(delayed(booked, minutes))
    return life


def _booked_anew(booked: AppointmentBooked, sequence: int, hours: int) -> Event:
    times = moved(booked, sequence, hours)
    told: dict[str, Any] = {
        "sequence": sequence,
        "event_id": f"{booked.event_id}-{sequence}",
        "starts_at": times.starts_at,
        "ends_at": times.ends_at,
    }
    return booked.model_copy(update=told)


@st.composite
def histories(draw: st.DrawFn) -> tuple[AppointmentBooked, list[Step]]:
    booked = booking()
    life = _said(draw, booked)
    heard: list[Event | None] = [
        life[each] for each in draw(st.permutations(range(len(life))))
    ]
    heard += [None] * 6 + draw(st.lists(st.sampled_from(life), max_size=3))
    order = draw(st.permutations(range(len(heard))))
    minutes = st.sampled_from([0, 1, 5, 14, 60, 600, 1440, 2880])
    return booked, [
        Step(timedelta(minutes=draw(minutes)), heard[each]) for each in order
    ]


class Heard:
    """What is true, as far as it has been heard."""

    def __init__(self) -> None:
        self.changes: dict[int, Change] = {}
        self.minutes = 0
        self._known: set[str] = set()

    def hear(self, said: Event) -> None:
        if said.event_id in self._known:
            return
        self._known.add(said.event_id)
        before = self.starts_at
        if isinstance(said, Change):
            self.changes[said.sequence] = said
            if before is not None and before != self.starts_at:
                self.minutes = 0
        elif isinstance(said, AppointmentDelayed):
            self.minutes = said.minutes

    @property
    def starts_at(self) -> datetime | None:
        timed = [n for n, each in self.changes.items() if isinstance(each, Timed)]
        found = self.changes[max(timed)] if timed else None
        return found.starts_at if isinstance(found, Timed) else None

    @property
    def is_on(self) -> bool:
        words = {
            n: each
            for n, each in self.changes.items()
            if not isinstance(each, AppointmentRescheduled)
        }
        return bool(words) and not isinstance(words[max(words)], AppointmentCancelled)


def check(office: Office, heard: Heard, mail: EmailMessage, sent: Delivery) -> None:
    """What has just been sent is true, and of use."""
    starts_at = heard.starts_at
    assert starts_at is not None
    words = office.catalogue[Language.SWEDISH]
    clock = words(
        "clock",
        start=words.time(starts_at, "pattern.time"),
        end=words.time(starts_at + HALF_HOUR, "pattern.time"),
    )
    assert clock in text(mail)
    assert words.time(starts_at, "pattern.day") in text(mail).lower()
    assert (sent.kind == "cancellation") is not heard.is_on
    assert office.clock.at < starts_at + HALF_HOUR
    if sent.kind == "reminder":
        assert sent.ahead is not None
        assert starts_at - sent.ahead <= office.clock.at < starts_at
    if sent.kind == "delay":
        assert sent.minutes == heard.minutes


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=histories())
async def test_no_e_mail_is_untrue_and_none_is_sent_twice(
    office: Office, history: tuple[AppointmentBooked, list[Step]]
) -> None:
    booked, steps = history
    office.clock.at, heard, seen = NOON, Heard(), 0
    for step in steps:
        office.clock.at += step.after
        if step.said is not None:
            heard.hear(step.said)
            await hear(office, step.said)
        await office.deliver()
        mails = office.mails(email_of(booked))
        sent = await accepted(office, booked)
        assert len(mails) == len(sent)
        for mail, each in list(zip(mails, sent, strict=True))[seen:]:
            check(office, heard, mail, each)
        assert len(sent) - seen <= 2  # an announcement, and a delay beside it
        seen = len(sent)
    told_once(await accepted(office, booked))


async def hear(office: Office, said: Event) -> None:
    if isinstance(said, Change):
        await office.invitations.changed(said)
    elif isinstance(said, AppointmentDelayed):
        await office.invitations.delayed(said)


async def accepted(office: Office, booked: AppointmentBooked) -> list[Delivery]:
    """Those that were sent, in the order in which they were."""
    found = await office.deliveries(booked.appointment_id)
    ids = {
        str(mail["Message-ID"]): n
        for n, mail in enumerate(office.mails(email_of(booked)))
    }
    sent = [each for each in found if each.state == "accepted"]
    return sorted(sent, key=lambda each: ids[f"<{each.delivery_id}@visit.test>"])


def told_once(sent: list[Delivery]) -> None:
    news = [
        (each.kind, each.revision, each.ahead) for each in sent if each.kind != "delay"
    ]
    assert len(news) == len(set(news))
    delays = [(each.revision, each.minutes) for each in sent if each.kind == "delay"]
    assert all(one != other for one, other in pairwise(delays))
