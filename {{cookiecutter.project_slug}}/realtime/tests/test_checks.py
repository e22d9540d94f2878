"""System checks."""

from typing import Any

import pytest
from pytest_django import Settings

from realtime.checks import IN_MEMORY, check_layer, check_limits


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


@pytest.mark.parametrize("wrong", [{"FRAME_BYTES": "many"}, {"NO_SUCH_LIMIT": 1}])
def test_a_wrong_limit_is_named(settings: Settings, wrong: dict[str, Any]) -> None:
    settings.REALTIME = wrong
    (error,) = check_limits(None)
    assert error.id == "realtime.E002"
    assert "REALTIME" in error.msg
