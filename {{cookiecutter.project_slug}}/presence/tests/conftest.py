"""Fixtures of presence's tests."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from pytest_django import Settings

from presence import viewing
from presence.tests.places import Places
from presence.tests.subjects import EACH_STORE
from realtime import topics
from realtime.delivery.engine import stop_engine
from realtime.tests.redis_server import RedisServer


@pytest.fixture(scope="session")
def running_redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(running_redis: RedisServer) -> RedisServer:
    """A Redis server with nothing in it."""
    running_redis.flush()
    return running_redis


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Places:
    """Rooms for presence to know of; the test fills them."""
    places = Places()
    monkeypatch.setitem(topics._topics, places.prefix, places)
    return places


@pytest_asyncio.fixture(params=EACH_STORE)
async def either_store(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[None]:
    """Runs the test with each of the stores, both quick to notice."""
    settings.PRESENCE = {"GRACE_SECONDS": 0.4, "WINDOW_SECONDS": 0.05, "SWEEP_SECONDS": 0.05}
    settings.REDIS_URL = ""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        settings.REDIS_URL = server.url
    viewing._redis.cache_clear()
    yield
    await stop_engine()
