"""Each service has a room of its own in the database, and no key to the others."""

import asyncpg
import pytest

from dev.postgres import SERVICES, Database, Server, fresh_database


async def _ask(address: str, *statements: str) -> object:
    connection = await asyncpg.connect(address)
    try:
        answer: object = None
        for statement in statements:
            answer = await connection.fetchval(statement)
        return answer
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_makes_tables_in_its_own_schema_without_naming_it(
    database: Database, service: str
) -> None:
    where = await _ask(
        database.services[service],
        "CREATE TABLE mark (id int)",
        "SELECT schemaname FROM pg_tables WHERE tablename = 'mark' "
        "AND tableowner = current_user",
        "SELECT current_schema()",
    )
    assert where == service


async def test_a_service_cannot_read_the_tables_of_another(database: Database) -> None:
    await _ask(database.services["identity"], "CREATE TABLE secret (id int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _ask(database.services["lobby"], "SELECT id FROM identity.secret")


async def test_a_service_cannot_make_anything_outside_its_room(
    database: Database,
) -> None:
    for place in ("public", "invitation"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _ask(database.services["lobby"], f"CREATE TABLE {place}.x (id int)")


async def test_a_service_cannot_enter_another_database(
    postgres: Server, database: Database
) -> None:
    async with fresh_database(postgres.admin) as other:
        elsewhere = database.services["lobby"].replace(database.name, other.name)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _ask(elsewhere, "SELECT 1")


async def test_a_wrong_password_opens_nothing(database: Database) -> None:
    head, _, tail = database.services["lobby"].rpartition("@")
    user = head.rpartition(":")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await _ask(f"{user}:wrong@{tail}", "SELECT 1")


async def test_a_fresh_database_leaves_nothing_behind(postgres: Server) -> None:
    async with fresh_database(postgres.admin) as made:
        name = made.name
    databases = await _ask(
        postgres.admin, "SELECT string_agg(datname, ' ') FROM pg_database"
    )
    roles = await _ask(postgres.admin, "SELECT string_agg(rolname, ' ') FROM pg_roles")
    assert name.rpartition("_")[2] not in f"{databases} {roles}"


async def test_no_password_shows_when_the_values_are_printed(
    postgres: Server, database: Database
) -> None:
    assert "postgresql://" not in f"{postgres!r} {database!r}"
