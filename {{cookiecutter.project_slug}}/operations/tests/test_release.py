"""What `release` checks before a version starts."""

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from pytest_django import Settings

from operations import preflight


@pytest.fixture
def production(settings: Settings, db: None) -> Settings:
    """An environment without an error."""
    settings.SECRET_KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    settings.SECURE_SSL_REDIRECT = True
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.WEB_PUSH_SECRET = settings.SECRET_KEY
    settings.DOMAIN_NAME = "chat.example.com"
    settings.REDIS_URL = ""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.pubsub.Layer"}}
    return settings


def test_a_good_environment_has_no_error(production: Settings) -> None:
    assert list(preflight.errors()) == []


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("DEBUG", True, "DEBUG"),
        ("SECRET_KEY", "short", "SECRET_KEY"),
        ("DOMAIN_NAME", "https://chat.example.com", "DOMAIN"),
        ("DOMAIN_NAME", "chat example", "DOMAIN"),
        ("REDIS_URL", "redis://127.0.0.1:1/0", "REDIS_URL"),
        ("REDIS_URL", "sentinel://127.0.0.1:1/mymaster", "REDIS_URL"),
        ("REALTIME", {"FRAME_BITES": 1}, "REALTIME"),
    ],
)
def test_an_error_names_its_variable(
    production: Settings, setting: str, value: object, named: str
) -> None:
    setattr(production, setting, value)
    assert any(named in error for error in preflight.errors())


def test_an_error_is_one_line_and_has_no_password(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OperationalError("connection refused\nIs the server running?")

    production.DATABASE = {**production.DATABASE, "PASSWORD": "hunter2"}
    with monkeypatch.context() as patch:
        patch.setattr(connection, "ensure_connection", fail)
        found = list(preflight.errors())
    assert len([error for error in found if "DATABASE_URL" in error]) == 2
    assert not any("\n" in error or "hunter2" in error for error in found)


def test_a_release_with_an_error_changes_nothing(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    production.DOMAIN_NAME = "https://chat.example.com"
    monkeypatch.setattr("operations.management.commands.release.call_command", pytest.fail)
    with pytest.raises(CommandError, match="DOMAIN"):
        call_command("release")
