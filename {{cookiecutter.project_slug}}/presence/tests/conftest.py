"""Fixtures of presence's tests."""

from collections.abc import Iterator

import pytest

from presence.tests.redis_server import RedisServer


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
