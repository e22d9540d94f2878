"""System checks."""

import re

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from realtime.admission.middleware import AdmissionMiddleware
from realtime.checks import IN_MEMORY, check_layer, check_sessions
from realtime.layers import layer
from realtime.tests.stock import raw


@pytest.mark.parametrize(
    ("debug", "processes", "backend", "errors"),
    [
        (True, 1, IN_MEMORY, []),
        (True, 2, IN_MEMORY, ["realtime.E001"]),
        (False, 1, IN_MEMORY, ["realtime.E001"]),
        (False, 2, "realtime.layers.pubsub.PubSubChannelLayer", []),
    ],
)
def test_the_in_memory_layer_is_for_one_process_in_development(
    settings: Settings, debug: bool, processes: int, backend: str, errors: list[str]
) -> None:
    settings.DEBUG = debug
    settings.WEB_CONCURRENCY = processes
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend}}
    settings.REDIS_URL = "redis://host"
    assert [error.id for error in check_layer(None)] == errors


CORE = "channels_redis.core.RedisChannelLayer"


@pytest.mark.parametrize(
    ("configured", "said"),
    [
        (layer("redis://host"), ""),
        (layer("redis+core://host"), ""),
        (layer("postgres://host/name"), ""),
        ({"BACKEND": CORE, "CONFIG": {"capacity": 1_000}}, ""),
        ({"BACKEND": CORE}, "drops what is beyond 100 waiting messages"),
        ({"BACKEND": CORE, "CONFIG": {"host": "redis"}}, "makes no layer: .* argument 'host'"),
        ({"BACKEND": "nowhere.Layer"}, "makes no layer: Cannot import BACKEND 'nowhere.Layer'"),
        ({"BACKEND": "channels_rabbitmq.core.RabbitmqChannelLayer"}, "loses messages"),
        ({"BACKEND": "channels_postgres.core.PostgresChannelLayer"}, "loses messages"),
    ],
)
def test_a_layer_that_cannot_be_made_or_loses_messages_is_refused(
    settings: Settings, configured: dict[str, object], said: str
) -> None:
    settings.CHANNEL_LAYERS = {"default": configured}
    messages = [error.msg for error in check_layer(None)]
    assert len(messages) == bool(said)
    assert all(re.search(said, message) for message in messages)


def test_several_processes_need_redis_besides_another_layer(settings: Settings) -> None:
    settings.CHANNEL_LAYERS = {"default": layer("postgres://host/name")}
    settings.REDIS_URL = ""
    assert list(check_layer(None)) == []
    settings.WEB_CONCURRENCY = 2
    assert [error.id for error in check_layer(None)] == ["realtime.E005"]
    settings.REDIS_URL = "redis://host"
    assert list(check_layer(None)) == []


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
