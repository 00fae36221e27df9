"""The tests say what they run on, and CI does not run on a stand-in for Kafka."""

from pathlib import Path

import pytest

from dev.postgres import Server
from tests import servers

choose_postgres = servers.chosen_postgres.__wrapped__
choose_kafka = servers.chosen_kafka.__wrapped__


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine without Java, Maven and Docker, and nothing given."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("TEST_DATABASE_URL", "TEST_KAFKA_SERVERS", "CI"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_given_servers_come_first(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("TEST_DATABASE_URL", "postgresql://postgres@127.0.0.1/postgres")
    bare.setenv("TEST_KAFKA_SERVERS", "127.0.0.1:9092")
    assert choose_postgres().name == "TEST_DATABASE_URL"
    assert choose_kafka().name == "TEST_KAFKA_SERVERS"


@pytest.mark.usefixtures("bare")
def test_without_docker_postgresql_comes_from_the_wheel() -> None:
    assert "from a wheel" in choose_postgres().name


@pytest.mark.usefixtures("bare")
def test_a_stand_in_for_kafka_is_said_loudly() -> None:
    assert "THIS IS NOT KAFKA" in choose_kafka().name


def test_ci_demands_a_real_kafka(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("CI", "true")
    with pytest.raises(servers.NoRealKafka):
        choose_kafka()


async def test_a_given_database_server_is_used_as_it_is(
    bare: pytest.MonkeyPatch, postgres: Server
) -> None:
    bare.setenv("TEST_DATABASE_URL", postgres.admin)
    async with choose_postgres().open() as given:
        assert given == postgres
