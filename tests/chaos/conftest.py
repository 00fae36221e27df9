"""Chaos has the journeys' browser, and a Kafka of its own that it may stop."""

from collections.abc import AsyncIterator

import pytest_asyncio

from dev import kafka as kafkas
from tests.journeys.conftest import browser, browsers_closed

__all__ = ["breakable_kafka", "browser", "browsers_closed"]


@pytest_asyncio.fixture(loop_scope="session")
async def breakable_kafka() -> AsyncIterator[kafkas.ApacheKafka]:
    """Apache Kafka for one test, to be stopped, frozen or killed."""
    async with kafkas.apache() as kafka:
        yield kafka
