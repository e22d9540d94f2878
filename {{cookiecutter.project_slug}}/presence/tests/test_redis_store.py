"""What only the Redis store has to stand: a server that forgets, restarts or is not there."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio
from pytest_django import Settings

from presence.running import open_store
from presence.stores import LeaseLost, State, StoreUnavailable
from presence.stores import redis as redis_store
from presence.stores.redis import RedisStore
from presence.tests.subjects import TIMING, visit
from realtime.tests.redis_server import RedisServer

pytestmark = pytest.mark.redis

PATIENCE_SECONDS = 15
VIEWERS_SECONDS = 3.0  # long enough that one wait is told from two on a busy machine
SLACK_SECONDS = 2.5
TOPIC = "chat:general"


@pytest_asyncio.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[RedisStore]:
    store = RedisStore(redis_server.url, TIMING)
    yield store
    await store.close()


async def test_a_flushed_server_loses_every_lease(
    store: RedisStore, redis_server: RedisServer
) -> None:
    await store.open("one")

    redis_server.flush()

    with pytest.raises(LeaseLost):
        await store.beat("one")


async def test_versions_rise_over_a_flush(store: RedisStore, redis_server: RedisServer) -> None:
    await store.open("one")
    await store.put("one", [visit(7)])
    while not await store.announce(limit=10):
        pass
    (before,) = await store.rosters(["hall"], limit=0)

    redis_server.flush()

    (after,) = await store.rosters(["hall"], limit=0)
    assert after.version > before.version


async def test_a_restarted_server_is_given_its_scripts_again() -> None:
    server = RedisServer()
    server.start()
    store = RedisStore(server.url, TIMING)
    await store.open("one")

    server.stop()
    server.start()
    await store.open("two")

    await store.put("two", [visit(7)])
    (roster,) = await store.rosters(["hall"], limit=10)
    assert roster.people == {7: State.ONLINE}
    await store.close()
    server.stop()


async def test_a_server_that_is_not_there_is_told_from_a_lost_lease() -> None:
    store = RedisStore(RedisServer().url, TIMING)

    with pytest.raises(StoreUnavailable):
        await store.beat("one")
    await store.close()


async def test_two_projects_can_share_a_server(redis_server: RedisServer) -> None:
    stores = [RedisStore(redis_server.url, TIMING, prefix) for prefix in ("mine:", "yours:")]
    for store in stores:
        await store.open("one")

    await stores[0].put("one", [visit(7)])

    (roster,) = await stores[1].rosters(["hall"], limit=10)
    assert roster.people == {}
    for store in stores:
        await store.close()


async def test_every_key_begins_with_the_site_s_prefix(
    redis_server: RedisServer, settings: Settings
) -> None:
    settings.REDIS_URL, settings.REDIS_PREFIX = redis_server.url, "mine:"
    store = open_store()

    await store.open("one")
    await store.put("one", [visit(7)])

    keys = redis_server.keys()
    assert keys
    assert all(key.startswith(b"mine:") for key in keys)
    await store.close()


async def test_nothing_is_left_of_a_room_that_emptied(
    store: RedisStore, redis_server: RedisServer
) -> None:
    await store.open("one")
    await store.put("one", [visit(7, away=True, viewing="chat:general")])
    await store.release("one")

    async with asyncio.timeout(PATIENCE_SECONDS):
        while redis_server.keys() != [b"presence:v:hall"]:
            await store.sweep(limit=10)
            await store.announce(limit=10)


# Reading who views what: nobody is kept waiting


@pytest.fixture
def failing_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    monkeypatch.setattr(redis_store, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(redis_store, "VIEWERS_SECONDS", VIEWERS_SECONDS)
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
    await store.put("one", [visit(7, viewing=TOPIC)])
    await store.close()


def seconds_to_read(store: RedisStore) -> float:
    began = time.monotonic()
    assert store.viewers([TOPIC]) == set()
    return time.monotonic() - began


def test_a_silent_redis_is_waited_for_once(failing_server: RedisServer) -> None:
    store = RedisStore(failing_server.url, TIMING)
    store.viewers([TOPIC])

    failing_server.freeze()

    assert seconds_to_read(store) < VIEWERS_SECONDS + SLACK_SECONDS
    assert sum(seconds_to_read(store) for _ in range(10)) < SLACK_SECONDS


def test_a_silent_redis_is_waited_for_once_by_a_new_connection(failing_server: RedisServer) -> None:
    failing_server.freeze()

    assert seconds_to_read(RedisStore(failing_server.url, TIMING)) < VIEWERS_SECONDS + SLACK_SECONDS


async def test_views_are_read_again_when_redis_answers_again(failing_server: RedisServer) -> None:
    store = RedisStore(failing_server.url, TIMING)
    failing_server.stop()
    assert store.viewers([TOPIC]) == set()

    failing_server.start()
    await view(failing_server)

    until(lambda: store.viewers([TOPIC]) == {(7, TOPIC)})


async def test_an_idle_connection_that_died_is_no_outage(failing_server: RedisServer) -> None:
    store = RedisStore(failing_server.url, TIMING)
    store.viewers([TOPIC])
    failing_server.stop()
    failing_server.start()

    await view(failing_server)

    assert store.viewers([TOPIC]) == {(7, TOPIC)}
