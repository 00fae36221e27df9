"""What comparisons lean on: real servers, started once for the run."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from contract.catalogue import topics
from dev import kafka as kafkas
from dev import postgres as postgreses

STAND_IN = "librdkafka's built-in cluster: NOT KAFKA, install Java 17 and Maven"


@dataclass(frozen=True, slots=True)
class Around:
    """`admin` is the address of PostgreSQL's administrator."""

    admin: str = field(repr=False)
    kafka: str
    versions: tuple[str, ...]


@asynccontextmanager
async def servers() -> AsyncIterator[Around]:
    async with _kafka() as (kafka, kind), postgreses.server() as postgres:
        await kafkas.create_topics(kafka, topics())
        yield Around(postgres.admin, kafka, (f"PostgreSQL {postgres.version}", kind))


@asynccontextmanager
async def _kafka() -> AsyncIterator[tuple[str, str]]:
    has_jars = kafkas.jars_folder().exists() or shutil.which("mvn")
    if has_jars and shutil.which("java"):
        async with kafkas.apache() as kafka:
            yield kafka.servers, kafka.kind
    else:
        async with kafkas.built_in() as cluster:
            yield cluster.servers, STAND_IN
