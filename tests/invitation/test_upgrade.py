"""What an earlier version has left in the tables."""

from datetime import timedelta

from pydantic import SecretStr

from chassis.database import Database
from chassis.migrations import migrate
from dev import postgres as postgreses
from services.invitation import store
from services.invitation.domain import Progress
from tests.invitation import office as offices
from tests.invitation.office import HALF_HOUR, NOON, TEN, booking
from tests.steps import migrate_until

MIGRATIONS = "services.invitation.migrations"


async def test_the_day_of_a_booking_that_was_cancelled_is_over_after_the_upgrade_too(
    postgres: postgreses.Server,
) -> None:
    """The next one at the same time begins anew."""
    again = booking(sequence=2)
    async with postgreses.fresh_database(postgres.admin) as made:
        database = Database(SecretStr(made.services["invitation"]), "invitation")
        await database.open()
        await migrate_until(database, MIGRATIONS, "0006_delivery_domain")
        async with database.writing() as tx:
            await tx.execute(
                """
                INSERT INTO appointment
                       (appointment_id, heard_details, heard_times, heard_status, status,
                        starts_at, ends_at, revision, changed_at, delay, started)
                VALUES ($1, 0, 0, 1, 'cancelled', $2, $3, 1, $4, 20, true)
                """,
                again.appointment_id,
                TEN,
                TEN + HALF_HOUR,
                NOON - timedelta(days=1),
            )
        await migrate(database, MIGRATIONS)
        async with offices.office(database) as office:
            await office.invitations.changed(again)
        async with database.reading() as reading:
            known = await store.appointment(reading, again.appointment_id)
        await database.close()
    assert known is not None
    assert (known.heard.over, known.day) == (1, Progress(delay=0))
