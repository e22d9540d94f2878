"""One process's connections: what the store is told of them, and what may befall it meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from msgspec.structs import replace
from prometheus_client import REGISTRY

from presence.attendance import Attendance, Store
from presence.stores import Announcement, State, StoreUnavailable, Timing, Visit
from presence.stores.memory import MemoryStore
from presence.stores.redis import RedisStore
from presence.tests.subjects import visit
from realtime.tests.redis_server import RedisServer

TIMING = Timing(beat_seconds=0.05, grace_seconds=0.05, window_seconds=0.01, sweep_seconds=0.01)
PATIENCE_SECONDS = 15
TOPIC = "chat:general"

heard: list[Announcement] = []
visibilities: dict[int, int] = {}


async def hear(announcements: Sequence[Announcement]) -> None:
    heard.extend(announcements)


async def read_visibilities(users: Collection[int]) -> dict[int, int]:
    return visibilities


@asynccontextmanager
async def attending(store: Store) -> AsyncIterator[Attendance]:
    heard.clear()
    visibilities.clear()
    attendance = Attendance(store, hear, read_visibilities)
    yield attendance
    await attendance.stop()


@pytest_asyncio.fixture
async def attendance() -> AsyncIterator[Attendance]:
    async with attending(MemoryStore(TIMING)) as attendance:
        yield attendance


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture
async def over_redis(server: RedisServer) -> AsyncIterator[Attendance]:
    async with attending(RedisStore(server.url, TIMING)) as attendance:
        yield attendance


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.01)


async def shows(attendance: Attendance, people: dict[int, State]) -> None:
    """Wait until the hall has exactly these people."""

    async def has_them() -> bool:
        try:
            (roster,) = await attendance.store.rosters(["hall"], limit=1_000)
        except StoreUnavailable:
            return False
        return roster.people == people

    await until(has_them)


async def takes_another_lease(attendance: Attendance, lease: str) -> None:
    async def has_another() -> bool:
        return attendance.process not in ("", lease)

    await until(has_another)


def end(visit: Visit) -> Visit:
    return replace(visit, ended=True)


async def test_the_leave_of_the_last_one_is_announced(attendance: Attendance) -> None:
    await attendance.put(visit(7))
    await attendance.put(end(visit(7)))

    async def announced() -> bool:
        return bool(heard) and heard[-1].people == {7: State.OFFLINE}

    await until(announced)


async def test_the_end_of_an_unknown_connection_is_harmless(attendance: Attendance) -> None:
    await attendance.put(end(visit(7)))


async def test_the_store_is_told_the_latest_of_what_waits(attendance: Attendance) -> None:
    waiting = [attendance.put(visit(7)), attendance.put(end(visit(7)))]
    await asyncio.gather(*waiting)

    (roster,) = await attendance.store.rosters(["hall"], limit=10)
    assert roster.people == {}


async def test_nobody_waits_for_a_process_that_has_ended(attendance: Attendance) -> None:
    await attendance.put(visit(7))

    await attendance.stop()

    with pytest.raises(StoreUnavailable):
        await attendance.put(end(visit(7)))


@pytest.mark.redis
async def test_everything_is_put_again_after_a_flush(
    over_redis: Attendance, server: RedisServer
) -> None:
    for user in range(1, 501):
        viewing = TOPIC if user == 7 else None
        await over_redis.put(visit(user, away=user % 2 == 0, viewing=viewing))
    before = over_redis.process
    assert over_redis.store.viewers([TOPIC]) == {(7, TOPIC)}

    server.flush()

    states = [State.AWAY, State.ONLINE]
    await shows(over_redis, {user: states[user % 2] for user in range(1, 501)})
    assert over_redis.process != before
    assert over_redis.store.viewers([TOPIC]) == {(7, TOPIC)}


@pytest.mark.redis
async def test_an_outage_fails_what_waits_and_heals_by_itself(
    over_redis: Attendance, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "presence.attendance")
    await over_redis.put(visit(7))
    await over_redis.put(visit(8))

    server.stop()
    with pytest.raises(StoreUnavailable):
        await over_redis.put(end(visit(8)))
    with pytest.raises(StoreUnavailable):
        await over_redis.put(visit(9))
    assert REGISTRY.get_sample_value("presence_store_up") == 0
    server.start()

    await shows(over_redis, {7: State.ONLINE, 9: State.ONLINE})
    assert REGISTRY.get_sample_value("presence_store_up") == 1
    told = [record.getMessage() for record in caplog.records if "the store" in record.getMessage()]
    assert [text.partition(":")[2].split(": ")[0] for text in told] == [
        " the store does not answer",
        " the store answers again.",
    ]


@pytest.mark.redis
async def test_an_end_that_was_never_answered_leaves_no_ghost(
    over_redis: Attendance, monkeypatch: pytest.MonkeyPatch
) -> None:
    await over_redis.put(visit(7))
    await over_redis.put(visit(8, rooms=()))
    before = over_redis.process

    async def lost(*args: object) -> bool:
        monkeypatch.undo()
        raise StoreUnavailable("the answer was lost, and so was the question")

    monkeypatch.setattr(over_redis.store, "put", lost)
    with pytest.raises(StoreUnavailable):
        await over_redis.put(end(visit(7)))

    await takes_another_lease(over_redis, before)
    await over_redis.store.release(before)  # its lease runs out
    await shows(over_redis, {})


@pytest.mark.redis
async def test_a_process_that_was_taken_for_dead_comes_back(over_redis: Attendance) -> None:
    await over_redis.put(visit(7))
    before = over_redis.process

    await over_redis.store.release(before)  # as if it had been frozen for longer than its lease

    await takes_another_lease(over_redis, before)
    await shows(over_redis, {7: State.ONLINE})


@pytest.mark.redis
async def test_what_the_store_lost_under_a_good_lease_is_noticed(
    over_redis: Attendance, server: RedisServer
) -> None:
    await over_redis.put(visit(7, viewing=TOPIC))
    lease = over_redis.process

    server.delete(f"presence:p:{lease}", f"presence:w:{lease}={TOPIC}", "presence:on:hall")

    await takes_another_lease(over_redis, lease)
    await shows(over_redis, {7: State.ONLINE})


@pytest.mark.redis
async def test_a_new_lease_asks_anew_who_appears_offline(
    over_redis: Attendance, server: RedisServer
) -> None:
    await over_redis.put(visit(7))
    await over_redis.put(visit(8))
    visibilities[7] = 1  # chosen on another process; the flush forgets it

    server.flush()

    await shows(over_redis, {8: State.ONLINE})
