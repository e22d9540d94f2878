"""Reading who views what from a Redis that fails: nobody is kept waiting."""

import time
from collections.abc import Callable, Iterator

import pytest

from presence.stores import SetViewing
from presence.stores import redis as redis_store
from presence.stores.redis import VIEWERS_SECONDS, RedisStore, RedisViewers
from presence.tests.redis_server import RedisServer
from presence.tests.subjects import TIMING

pytestmark = pytest.mark.redis

PATIENCE_SECONDS = 15
SLACK_SECONDS = 0.1
TOPIC = "chat:general"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    monkeypatch.setattr(redis_store, "RETRY_SECONDS", 0.05)
    server = RedisServer()
    server.start()
    yield server
    server.thaw()
    server.stop()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def view(server: RedisServer) -> None:
    store = RedisStore(server.url, TIMING)
    await store.open("one")
    await store.apply("one", [SetViewing("tab", 7, TOPIC, viewing=True)])
    await store.close()


def seconds_to_read(viewers: RedisViewers) -> float:
    began = time.monotonic()
    assert viewers.read([TOPIC]) == set()
    return time.monotonic() - began


def test_a_silent_redis_is_waited_for_once(server: RedisServer) -> None:
    viewers = RedisViewers(server.url)
    viewers.read([TOPIC])

    server.freeze()

    assert seconds_to_read(viewers) < VIEWERS_SECONDS + SLACK_SECONDS
    assert sum(seconds_to_read(viewers) for _ in range(10)) < SLACK_SECONDS


def test_a_silent_redis_is_waited_for_once_by_a_new_connection(server: RedisServer) -> None:
    server.freeze()

    assert seconds_to_read(RedisViewers(server.url)) < VIEWERS_SECONDS + SLACK_SECONDS


async def test_views_are_read_again_when_redis_answers_again(server: RedisServer) -> None:
    viewers = RedisViewers(server.url)
    server.stop()
    assert viewers.read([TOPIC]) == set()

    server.start()
    await view(server)

    until(lambda: viewers.read([TOPIC]) == {(7, TOPIC)})


async def test_an_idle_connection_that_died_is_no_outage(server: RedisServer) -> None:
    viewers = RedisViewers(server.url)
    viewers.read([TOPIC])
    server.stop()
    server.start()

    await view(server)

    assert viewers.read([TOPIC]) == {(7, TOPIC)}
