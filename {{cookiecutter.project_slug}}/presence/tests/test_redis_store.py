"""What only the Redis store has to stand: a server that forgets, restarts or is not there."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pytest_django import Settings

from presence.running import open_store
from presence.stores import Join, LeaseLost, SetViewing, State, StoreUnavailable
from presence.stores.redis import RedisStore
from presence.tests.redis_server import RedisServer
from presence.tests.subjects import TIMING

pytestmark = pytest.mark.redis


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
    await store.apply("one", [Join("tab", 7, ["hall"])])
    while not await store.announce(limit=10):
        pass
    before = await store.versions(["hall"])

    redis_server.flush()

    assert (await store.versions(["hall"]))["hall"] > before["hall"]


async def test_a_restarted_server_is_given_its_scripts_again() -> None:
    server = RedisServer()
    server.start()
    store = RedisStore(server.url, TIMING)
    await store.open("one")

    server.stop()
    server.start()
    await store.open("two")

    await store.apply("two", [Join("tab", 7, ["hall"])])
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

    await stores[0].apply("one", [Join("tab", 7, ["hall"])])

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
    await store.apply("one", [Join("tab", 7, ["hall"])])

    keys = redis_server.keys()
    assert keys
    assert all(key.startswith(b"mine:") for key in keys)
    await store.close()


async def test_nothing_is_left_of_a_room_that_emptied(
    store: RedisStore, redis_server: RedisServer
) -> None:
    await store.open("one")
    view = SetViewing("tab", 7, "chat:general", viewing=True)
    await store.apply("one", [Join("tab", 7, ["hall"], away=True), view])
    await store.release("one")

    while not (await store.sweep(limit=10)).quiet:
        await store.announce(limit=10)

    assert redis_server.keys() == [b"presence:v:hall"]
