from pathlib import Path

import pytest

from chassis.settings import Settings, read

RIGHT = {
    "DATABASE_URL": "postgresql://lobby:quiet-word@127.0.0.1/videomottagning",
    "KAFKA_SERVERS": "127.0.0.1:9092",
    "PUBLIC_URL": "https://video.example.fi/",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("PORT", "SECRETS_DIR", "LOG_LEVEL", "PROXIES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in RIGHT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_settings_come_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PORT", "8001")
    settings = read(Settings)
    assert settings.port == 8001
    assert settings.kafka_servers == "127.0.0.1:9092"


def test_all_complaints_come_at_once_and_quote_no_value(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.delenv("DATABASE_URL")
    environment.setenv("PUBLIC_URL", "not-an-address")
    environment.setenv("PORT", "eighty")
    environment.setenv("LOG_LEVEL", "CHATTY")
    with pytest.raises(SystemExit) as complaint:
        read(Settings)
    said = str(complaint.value)
    for name in ("DATABASE_URL", "PUBLIC_URL", "PORT", "LOG_LEVEL"):
        assert f"  {name}: " in said
    for value in ("not-an-address", "eighty", "CHATTY"):
        assert value not in said


def test_a_secret_may_stand_in_a_file(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.delenv("DATABASE_URL")
    (tmp_path / "database_url").write_text("postgresql://from-a-file")
    environment.setenv("SECRETS_DIR", str(tmp_path))
    settings = read(Settings)
    assert settings.database_url.get_secret_value() == "postgresql://from-a-file"


@pytest.mark.usefixtures("environment")
def test_a_secret_does_not_print() -> None:
    settings = read(Settings)
    assert "quiet-word" not in repr(settings)
    assert "quiet-word" not in str(settings.database_url)


@pytest.mark.usefixtures("environment")
def test_settings_do_not_change() -> None:
    settings = read(Settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


@pytest.mark.usefixtures("environment")
def test_the_origin_has_no_slash_at_its_end() -> None:
    assert read(Settings).origin == "https://video.example.fi"
