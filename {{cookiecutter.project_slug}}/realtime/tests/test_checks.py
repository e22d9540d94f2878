"""System checks."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from realtime.admission.middleware import AdmissionMiddleware
from realtime.checks import IN_MEMORY, check_layer, check_sessions
from realtime.tests.stock import raw


@pytest.mark.parametrize(
    ("debug", "processes", "backend", "errors"),
    [
        (True, 1, IN_MEMORY, []),
        (True, 2, IN_MEMORY, ["realtime.E001"]),
        (False, 1, IN_MEMORY, ["realtime.E001"]),
        (False, 2, "channels_redis.pubsub.RedisPubSubChannelLayer", []),
    ],
)
def test_the_in_memory_layer_is_for_one_process_in_development(
    settings: Settings, debug: bool, processes: int, backend: str, errors: list[str]
) -> None:
    settings.DEBUG = debug
    settings.WEB_CONCURRENCY = processes
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend}}
    assert [error.id for error in check_layer(None)] == errors


@pytest.mark.parametrize(
    ("engine", "errors"),
    [
        ("django.contrib.sessions.backends.db", []),
        ("django.contrib.sessions.backends.cached_db", []),
        ("django.contrib.sessions.backends.cache", ["realtime.E003"]),
        ("django.contrib.sessions.backends.file", ["realtime.E003"]),
        ("django.contrib.sessions.backends.signed_cookies", ["realtime.E003"]),
    ],
)
def test_sessions_are_rows(settings: Settings, engine: str, errors: list[str]) -> None:
    settings.SESSION_ENGINE = engine
    assert [error.id for error in check_sessions(None)] == errors


def test_admission_does_not_start_where_sessions_are_no_rows(settings: Settings) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    with pytest.raises(ImproperlyConfigured, match=r"Use django\.contrib\.sessions\.backends\.db "):
        AdmissionMiddleware(raw)
