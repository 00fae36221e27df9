"""An instance that is cut off from PostgreSQL for a while, and what it finds afterwards."""

from datetime import UTC, datetime, timedelta

from chassis.logs import log
from chassis.metrics import TASK_RESTARTS
from contract.signalling import CallEnded, CallStarted, EndedBy
from services.signalling.domain import Call
from services.signalling.metrics import PASSED, UNPASSED
from services.signalling.passage import Outgoing, Passage
from services.signalling.store import CHANNEL
from tests.chassis.kafka import until
from tests.chassis.proxy import before
from tests.signalling.pages import House, Page, Visit
from tests.signalling.test_instances import apart, heard_until, hears, is_started, says

QUICK = {"silence_seconds": 1}


async def topics_are(house: House, visit: Visit, *topics: str) -> bool:
    return await house.topics(visit) == list(topics)


async def goes_on_after_a_silence(house: House, visit: Visit) -> None:
    expected = "call.started", "call.ended", "call.started"
    await until(lambda: topics_are(house, visit, *expected))
    _, ended, again = await house.said(visit)
    assert isinstance(ended, CallEnded)
    assert isinstance(again, CallStarted)
    assert ended.ended_by is EndedBy.SILENCE
    assert again.at > ended.at


async def is_told_of_nothing(page: Page) -> None:
    await page.say(type="ice")
    told = [each["type"] for each in await heard_until(page, "ice")]
    assert not {"ended", "error"} & set(told)


async def test_a_silence_throws_out_nobody_who_is_still_there(
    house: House, visit: Visit, database_url: str
) -> None:
    """Another instance ended the call, as nobody could say that they were there."""
    async with (
        house.instances(database_url, 1, **QUICK),
        before(database_url) as (door, through),
        house.instances(through, 1, **QUICK) as instances,
    ):
        pages = await instances[0].together(visit)
        await until(lambda: is_started(house, visit))
        await door.shut()
        await until(lambda: topics_are(house, visit, "call.started", "call.ended"))
        await door.open()
        await goes_on_after_a_silence(house, visit)
        for page in pages:
            await is_told_of_nothing(page)
        reloaded = await instances[0].patient(visit)
        assert (await reloaded.hello())["started_at"] is not None


async def test_a_silence_parts_nobody_whose_ends_are_on_two_instances(
    house: House, visit: Visit, database_url: str
) -> None:
    async with (
        house.instances(database_url, 1, **QUICK),
        before(database_url) as (door, through),
        house.instances(through, 2, **QUICK) as instances,
    ):
        pages = await apart(visit, *instances)
        await until(lambda: is_started(house, visit))
        await door.shut()
        await until(lambda: topics_are(house, visit, "call.started", "call.ended"))
        await door.open()
        await goes_on_after_a_silence(house, visit)
        for page in pages:
            await is_told_of_nothing(page)
        await says(pages[0], visit.professional, "still here")
        await hears(pages[1], visit.patient, "still here")


async def test_who_is_alone_after_a_silence_is_found_by_who_comes_back(
    house: House, visit: Visit, database_url: str
) -> None:
    async with (
        house.instances(database_url, 1, **QUICK) as others,
        before(database_url) as (door, through),
        house.instances(through, 1, resume_seconds=0.2, **QUICK) as instances,
    ):
        patient, professional = await instances[0].together(visit)
        await until(lambda: is_started(house, visit))
        await door.shut()
        await patient.lose()
        assert (await professional.until("gone"))["reason"] == "lost"
        assert (await professional.until("gone"))["reason"] == "expired"
        await until(lambda: topics_are(house, visit, "call.started", "call.ended"))
        await door.open()
        await until(lambda: _is_connected(house, visit.professional))
        again = await others[0].patient(visit)
        assert (await again.hello())["started_at"] is not None
        await goes_on_after_a_silence(house, visit)


async def _is_connected(house: House, member: str) -> bool:
    async with house.database.reading() as tx:
        found: bool = await tx.fetchval(
            """
            SELECT EXISTS (SELECT FROM presence JOIN instance ON id = instance
                            WHERE member = $1 AND state = 'connected'
                              AND beat_at > clock_timestamp() - interval '2 s')
            """,
            member,
        )
    return found


def test_a_call_after_another_starts_after_its_end_though_clocks_differ() -> None:
    at = datetime(2026, 12, 1, 10, tzinfo=UTC)
    silent = Call(at, at + timedelta(minutes=9), EndedBy.SILENCE)
    assert silent.next_start(at) > at + timedelta(minutes=9)
    later = at + timedelta(minutes=10)
    assert silent.next_start(later) == later


async def test_a_new_admission_after_an_end_unheard_of_starts_a_new_call(
    house: House, visit: Visit, database_url: str
) -> None:
    """What the instance still took for the patient's presence starts nothing."""
    async with (
        before(database_url) as (door, through),
        house.instances(through, 1) as one,
        house.instances(database_url, 1) as other,
    ):
        patient, professional = await apart(visit, other[0], one[0])
        await until(lambda: is_started(house, visit))
        await door.shut()
        await patient.say(type="leave")
        await until(lambda: topics_are(house, visit, "call.started", "call.ended"))
        await house.admit(visit)
        await door.open()
        await professional.until("gone")
        again = await one[0].patient(visit)
        await again.hello()
        expected = "call.started", "call.ended", "call.started"
        await until(lambda: topics_are(house, visit, *expected))


async def test_who_moved_and_left_unseen_is_gone_for_those_here(
    house: House, visit: Visit, database_url: str
) -> None:
    async with (
        before(database_url) as (door, through),
        house.instances(through, 1) as one,
        house.instances(database_url, 1) as other,
    ):
        patient, professional = await one[0].together(visit)
        await until(lambda: _is_connected(house, visit.professional))
        await door.shut()
        elsewhere = await other[0].professional(visit)
        await elsewhere.hello()
        await elsewhere.say(type="leave")
        assert await elsewhere.close_code() == 1000
        await door.open()
        gone = await patient.until("gone")
        assert (gone["member"], gone["reason"]) == (visit.professional, "left")
        assert (await professional.refusal())[0] == "replaced"


async def test_a_late_signal_of_a_page_that_was_left_reaches_nobody(
    house: House, visit: Visit, database_url: str
) -> None:
    async with (
        before(database_url) as (door, through),
        house.instances(through, 1) as one,
        house.instances(database_url, 1) as other,
    ):
        patient, professional = await apart(visit, one[0], other[0])
        await door.shut()
        await says(patient, visit.professional, "late")
        await is_told_of_nothing(patient)
        again = await other[0].patient(visit)
        await again.hello()
        await says(again, visit.professional, "new")
        await hears(professional, visit.patient, "new")
        handed_on = _handed_on()
        await door.open()

        async def is_handed_on() -> bool:
            return _handed_on() > handed_on

        await until(is_handed_on)
        await professional.say(type="ice")
        heard = [each["type"] for each in await heard_until(professional, "ice")]
        assert "signal" not in heard


def _handed_on() -> float:
    """Signals from other instances that were seen to here, either way."""
    return sum(
        PASSED.labels(each)._value.get()  # noqa: SLF001 - nothing public tells it
        for each in ("delivered", "member_gone")
    )


async def test_what_a_crash_of_the_task_left_unwritten_is_written_by_the_next(
    house: House, visit: Visit, database_url: str
) -> None:
    crashes = TASK_RESTARTS.labels("signalling", "member-presence", "crashed")
    async with house.instances(database_url, 2) as instances:
        patient, professional = await apart(visit, *instances)
        before_it = crashes._value.get()  # noqa: SLF001 - nothing public tells it

        async def has_crashed() -> bool:
            return crashes._value.get() > before_it  # noqa: SLF001

        await _execute(
            house, "ALTER TABLE presence ADD CONSTRAINT no CHECK (microphone) NOT VALID"
        )
        await patient.say(type="media", microphone=False, camera=True)
        await until(has_crashed)
        await _execute(house, "ALTER TABLE presence DROP CONSTRAINT no")
        assert (await professional.until("media"))["microphone"] is False


async def test_an_instance_whose_listening_broke_during_a_look_listens_again(
    house: House, visit: Visit, database_url: str
) -> None:
    """No heartbeat helps it in this test."""
    async with house.instances(database_url, 1, instance_seconds=600) as instances:
        await house.admit(visit)
        patient = await instances[0].patient(visit)
        await patient.hello()
        await until(lambda: _listeners(house, 1))
        async with house.database.writing() as tx:
            await tx.execute("LOCK TABLE call IN ACCESS EXCLUSIVE MODE")
            await _execute(
                house, f"SELECT pg_notify('{CHANNEL}', '{visit.appointment}')"
            )
            await until(lambda: _is_looking(house))
            await _execute(
                house,
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE application_name = 'signalling signalling_room'
                """,
            )
            await until(lambda: _listeners(house, 0))
        await house.take_back(visit)
        assert (await patient.refusal())[0] == "not_admitted"


async def _listeners(house: House, number: int) -> bool:
    async with house.database.reading() as tx:
        found: int = await tx.fetchval(
            """
            SELECT count(*) FROM pg_stat_activity
             WHERE application_name = 'signalling signalling_room'
            """
        )
    return found == number


async def _is_looking(house: House) -> bool:
    async with house.database.reading() as tx:
        found: bool = await tx.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        )
    return found


async def test_what_may_be_left_of_a_crashed_instance_starts_no_call(
    house: House, visit: Visit, database_url: str
) -> None:
    await house.admit(visit)
    async with house.database.writing() as tx:
        await tx.execute(
            "INSERT INTO instance VALUES ('x', clock_timestamp() - interval '9 s')"
        )
        await tx.execute(
            """
            INSERT INTO presence
            SELECT $1, $2, 'x', 'patient', true, true, now(), now(), 'connected', now()
            """,
            visit.appointment,
            visit.patient,
        )
    async with house.instances(database_url, 1) as instances:
        professional = await instances[0].professional(visit)
        assert (await professional.hello())["started_at"] is None
        patient = await instances[0].patient(visit)
        assert (await patient.hello())["started_at"] is not None


async def _execute(house: House, query: str) -> None:
    async with house.database.writing() as tx:
        await tx.execute(query)


async def test_what_a_failover_undid_is_written_again(
    house: House, visit: Visit, database_url: str
) -> None:
    """The word that a page came back, and the word that another left."""
    async with house.instances(database_url, 2, instance_seconds=2) as instances:
        patient, professional = await apart(visit, *instances)
        await _undo(house, visit.patient, "lost")
        assert (await professional.until("gone"))["member"] == visit.patient
        assert (await professional.until("joined"))["member"]["member"] == visit.patient
        await professional.say(type="leave")
        assert (await patient.until("gone"))["reason"] == "left"
        await _undo(house, visit.professional, "connected")
        assert (await patient.until("joined"))["type"] == "joined"
        assert (await patient.until("gone"))["member"] == visit.professional


async def _undo(house: House, member: str, state: str) -> None:
    async with house.database.writing() as tx:
        await tx.execute(
            """
            UPDATE presence SET state = $2, changed_at = clock_timestamp()
             WHERE member = $1
            """,
            member,
            state,
        )
        await tx.execute(
            "SELECT pg_notify($1, appointment_id) FROM presence WHERE member = $2",
            CHANNEL,
            member,
        )


def test_what_waits_for_other_instances_is_bounded_also_for_each_member(
    house: House,
) -> None:
    passage = Passage(house.database, "here", 60, log("test"))
    for number in range(40):
        for _ in range(100):
            passage.send(Outgoing("there", "a", str(number), "other", "x" * 32_768))
            assert UNPASSED._value.get() <= 31 * (number + 1)  # noqa: SLF001
    assert UNPASSED._value.get() * 32_768 < 17 * 1024 * 1024  # noqa: SLF001
