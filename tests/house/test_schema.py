"""The conventions of the tables, read from the live database."""

import re
from collections.abc import AsyncIterator
from typing import TypeAlias

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from chassis.database import Database
from chassis.migrations import migrate
from contract.catalogue import SERVICES
from dev import postgres as postgreses

Catalog: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
SINGULAR_IN_S = ("status", "address", "access", "process")
VIEWS = r"""
    CREATE TEMP VIEW our_table AS
    SELECT schemaname AS schema, tablename AS name,
           format('%I.%I', schemaname, tablename)::regclass AS id
      FROM pg_tables
     WHERE schemaname <> 'information_schema' AND left(schemaname, 3) <> 'pg_';

    CREATE TEMP VIEW our_column AS
    SELECT t.schema, t.name || '.' || a.attname AS name, a.atttypid::regtype::text AS type
      FROM our_table t JOIN pg_attribute a ON a.attrelid = t.id
     WHERE a.attnum > 0 AND NOT a.attisdropped;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def catalog(database: postgreses.Database) -> AsyncIterator[Catalog]:
    """An administrator's view of the database in which every service has made its tables."""
    for service, address in database.services.items():
        room = Database(SecretStr(address), service, size=1)
        await room.open()
        await migrate(room, f"services.{service}.migrations")
        await room.close()
    connection = await asyncpg.connect(database.admin)
    await connection.execute(VIEWS)
    yield connection
    await connection.close()


async def names(catalog: Catalog, query: str) -> list[str]:
    return [row[0] for row in await catalog.fetch(query)]


async def test_each_service_has_tables_and_nobody_else_has(catalog: Catalog) -> None:
    schemas = await names(catalog, "SELECT DISTINCT schema FROM our_table")
    assert set(schemas) == set(SERVICES)


async def test_tables_are_named_in_the_singular(catalog: Catalog) -> None:
    tables = await names(catalog, "SELECT name FROM our_table")
    plural = [each for each in tables if re.search("[^s]s$", each)]
    assert [each for each in plural if not each.endswith(SINGULAR_IN_S)] == []


async def test_each_table_has_a_primary_key(catalog: Catalog) -> None:
    without = await names(
        catalog,
        """
        SELECT id::text
          FROM our_table
         WHERE id NOT IN (SELECT conrelid FROM pg_constraint WHERE contype = 'p')
        """,
    )
    assert without == []


async def test_every_moment_has_its_zone(catalog: Catalog) -> None:
    zoneless = await names(
        catalog,
        "SELECT name FROM our_column WHERE type LIKE 'time% without time zone'",
    )
    assert zoneless == []


async def test_text_is_text_and_json_is_jsonb(catalog: Catalog) -> None:
    others = await names(
        catalog,
        "SELECT name FROM our_column WHERE type IN ('character varying', 'character', 'json')",
    )
    assert others == []


async def test_each_foreign_key_has_its_index(catalog: Catalog) -> None:
    """Without one, removing a row reads the whole other table."""
    bare = await names(
        catalog,
        """
        SELECT c.conrelid::regclass || ': ' || c.conname
          FROM pg_constraint c
         WHERE c.contype = 'f'
           AND NOT EXISTS (SELECT FROM pg_index i
                            WHERE i.indrelid = c.conrelid
                              AND (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey)
        """,
    )
    assert bare == []


async def test_of_a_personal_identity_code_only_digests_are_kept(
    catalog: Catalog,
) -> None:
    """And only by identity, keyed: a plain digest of so few codes is soon undone."""
    columns = await names(
        catalog,
        """
        SELECT schema || ' ' || name || ' ' || type
          FROM our_column
         WHERE name ~ 'national|hetu|ssn|personal_code'
        """,
    )
    assert [
        each for each in columns if not re.match("identity .*digest bytea", each)
    ] == []


@pytest.mark.usefixtures("catalog")
async def test_no_service_may_look_into_the_room_of_another(
    database: postgreses.Database,
) -> None:
    for service, address in database.services.items():
        connection = await asyncpg.connect(address)
        try:
            allowed = [
                other
                for other in SERVICES
                if await connection.fetchval(
                    "SELECT has_schema_privilege($1, 'USAGE')", other
                )
            ]
        finally:
            await connection.close()
        assert allowed == [service]
