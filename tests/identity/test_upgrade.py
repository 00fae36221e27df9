"""What an earlier version has left in the tables."""

from chassis.migrations import migrate
from dev import postgres as postgreses
from services.identity import store
from tests.identity.conftest import opening
from tests.identity.people import HALF_HOUR, TEN
from tests.steps import migrate_until

MIGRATIONS = "services.identity.migrations"


async def test_slots_of_before_a_cancellation_are_over_after_the_upgrade_too(
    postgres: postgreses.Server,
) -> None:
    async with (
        postgreses.fresh_database(postgres.admin) as made,
        opening(made) as database,
    ):
        await migrate_until(database, MIGRATIONS, "0010_echo")
        async with database.writing() as tx:
            await tx.executemany(
                """
                INSERT INTO appointment (appointment_id, heard_details, heard_times,
                                         heard_status, status, starts_at, ends_at,
                                         changed_at)
                VALUES ($1, 0, 0, $2, $3, $4, $5, $4)
                """,
                [
                    ("off", 3, "cancelled", TEN, TEN + HALF_HOUR),
                    ("on", 3, "booked", TEN, TEN + HALF_HOUR),
                ],
            )
        await migrate(database, MIGRATIONS)
        async with database.writing() as tx:
            over = [
                known.heard.over
                for each in ("off", "on")
                if (known := await store.hold(tx, each))
            ]
    assert over == [3, -1]
