"""Each domain is written to at its own pace, and the others do not wait for it."""

from datetime import timedelta

import pytest

from chassis.outcome import Accepted, Cause, NotNow
from chassis.sending import State
from contract.booking import AppointmentBooked
from services.invitation.pace import REST, Pace
from tests.invitation.office import Clock, Office, booking, email_of

TOO_MUCH = "450 4.7.1 too much from you"
SLOWER = NotNow(cause=Cause.SLOWER)


def pace(clock: Clock, a_minute: int = 60) -> Pace:
    return Pace(a_minute, clock, lambda: 0.5)


def test_what_may_go_at_once_is_bounded_and_fills_up_again() -> None:
    clock = Clock()
    one_a_second = pace(clock)
    for _ in range(4):
        assert one_a_second.closed() == []
        one_a_second.goes("large.test")
    assert one_a_second.closed() == ["large.test"]
    clock.forward(seconds=1)
    assert one_a_second.closed() == []


def test_a_domain_that_asks_is_left_in_peace_for_longer_each_time() -> None:
    clock = Clock()
    kept = pace(clock)
    for rest in REST:
        kept.answered("large.test", SLOWER)
        assert kept.closed() == ["large.test"]
        clock.forward(seconds=rest.total_seconds() - 1)
        assert kept.closed() == ["large.test"]
        clock.forward(seconds=1)
        assert kept.closed() == []


def test_those_who_were_on_their_way_add_nothing_to_the_rest() -> None:
    clock = Clock()
    kept = pace(clock)
    for _ in range(8):  # as many connections had an e-mail for it
        kept.answered("large.test", SLOWER)
    clock.forward(seconds=REST[0].total_seconds())
    assert kept.closed() == []


def test_an_e_mail_that_is_taken_ends_the_memory_of_refusals() -> None:
    clock = Clock()
    kept = pace(clock)
    for result in (SLOWER, Accepted(), SLOWER):
        kept.answered("large.test", result)
        clock.forward(seconds=REST[0].total_seconds())
    assert kept.closed() == []
    assert kept.slowed == 0


@pytest.mark.parametrize("cause", [Cause.LATER, Cause.AWAY, Cause.OURS])
def test_other_answers_say_nothing_of_the_pace(cause: Cause) -> None:
    kept = pace(Clock())
    kept.answered("large.test", NotNow(cause=cause))
    assert kept.closed() == []


def test_domains_that_rest_are_not_kept_in_memory() -> None:
    clock = Clock()
    kept = pace(clock)
    for number in range(500):
        kept.goes(f"{number}.test")
    clock.forward(seconds=(REST[-1] + timedelta(minutes=1)).total_seconds())
    kept.closed()
    assert kept._lanes == {}  # noqa: SLF001 - what it forgets can be seen nowhere else


async def booked_at(office: Office, *emails: str) -> list[AppointmentBooked]:
    return [
        await office.book(patient={"name": "Testi", "email": each, "language": "sv"})
        for each in emails
    ]


async def state_of(office: Office, booked: AppointmentBooked) -> State:
    (delivery,) = await office.deliveries(booked.appointment_id)
    return delivery.state


async def test_a_domain_that_has_had_enough_rests_and_the_others_go_on(
    office: Office,
) -> None:
    first, second, other = await booked_at(
        office, "a@large.test", "b@LARGE.test", "c@other.test"
    )
    office.server.answers(email_of(first), TOO_MUCH)
    postman = office.postman()
    while await postman.deliver(office.connection):
        pass
    assert await state_of(office, other) is State.ACCEPTED
    (untried,) = await office.deliveries(second.appointment_id)
    assert (untried.state, untried.attempts) == (State.QUEUED, 0)

    office.clock.forward(seconds=REST[0].total_seconds())
    while await postman.deliver(office.connection):
        pass
    assert [await state_of(office, each) for each in (first, second)] == [
        State.ACCEPTED,
        State.ACCEPTED,
    ]


async def test_no_domain_gets_more_than_its_share_a_minute(office: Office) -> None:
    office.pace = pace(office.clock)  # one a second, four at once
    await booked_at(office, *(f"{each}@large.test" for each in range(10)))
    postman, arrived = office.postman(), []
    for _ in range(4):
        while await postman.deliver(office.connection):
            pass
        arrived.append(len(office.mailbox.mails))
        office.clock.forward(seconds=2)
    assert arrived == [4, 6, 8, 10]


async def test_a_large_domain_in_front_does_not_keep_a_small_one_waiting(
    office: Office,
) -> None:
    office.pace = pace(office.clock)
    await booked_at(office, *(f"{each}@large.test" for each in range(30)))
    (last,) = await booked_at(office, "one@small.test")
    postman = office.postman()
    while await postman.deliver(office.connection):
        pass
    assert await state_of(office, last) is State.ACCEPTED


async def test_what_lay_too_long_is_given_back_without_a_doubt(office: Office) -> None:
    booked = await office.book()
    connection = office.connection
    postman = office.postman(connection)
    taken = postman._next  # noqa: SLF001 - time passes where only it can

    async def slowly() -> object:
        claimed = await taken()
        office.clock.forward(seconds=60)
        return claimed

    object.__setattr__(postman, "_next", slowly)
    await postman.deliver(connection)
    (delivery,) = await office.deliveries(booked.appointment_id)
    assert (delivery.state, delivery.doubt) == (State.QUEUED, False)
    assert office.mailbox.mails == ()


async def test_a_postman_who_stops_gives_back_what_he_has_not_begun(
    office: Office,
) -> None:
    bookings = [booking() for _ in range(3)]
    for each in bookings:
        await office.invitations.changed(each)
    postman = office.postman(
        office.connection, *map(office.connect, [office.smtp_url] * 2)
    )
    await postman._next()  # noqa: SLF001 - claims three and takes one
    await postman.give_back()
    waiting = [await office.deliveries(each.appointment_id) for each in bookings]
    assert sorted(delivery.state for (delivery,) in waiting) == [
        State.QUEUED,
        State.QUEUED,
        State.SENDING,
    ]
    assert not any(delivery.doubt for (delivery,) in waiting)
