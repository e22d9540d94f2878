"""A process's lease over what can befall it: an outage, a flushed Redis, a freeze."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress

import pytest
import pytest_asyncio

from presence.lease import Lease, Visit
from presence.stores import Leave, State, StoreUnavailable, Timing
from presence.stores.redis import RedisStore, RedisViewers
from presence.tests.redis_server import RedisServer

pytestmark = pytest.mark.redis

TIMING = Timing(beat_seconds=0.05, grace_seconds=0.1, window_seconds=0.01)
PATIENCE_SECONDS = 15


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.stop()


class Process:
    """A lease that is being kept, and a look at what the store makes of it."""

    def __init__(self, server: RedisServer) -> None:
        self.store = RedisStore(server.url, TIMING)
        self.visibilities: dict[int, int] = {}
        self.lease = Lease(self.store, self.read_visibilities, lambda: None)

    async def read_visibilities(self, users: Sequence[int]) -> dict[int, int]:
        return self.visibilities

    async def join(self, visit: Visit) -> None:
        self.lease.visits[visit.connection] = visit
        await self.lease.submit(*visit.changes())

    async def leave(self, visit: Visit) -> None:
        del self.lease.visits[visit.connection]
        await self.lease.submit(Leave(visit.connection, visit.user, tuple(visit.rooms)))

    async def shows(self, people: dict[int, State]) -> None:
        """Wait until the hall has exactly these people."""
        seen = None
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while seen != people:
                    await asyncio.sleep(0.01)
                    seen = await self._look()
        assert seen == people

    async def takes_another_name(self, name: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.lease.process == name:
                await asyncio.sleep(0.01)

    async def _look(self) -> dict[int, State] | None:
        try:
            await self.store.sweep(100)
            (roster,) = await self.store.rosters(["hall"], limit=1_000)
        except StoreUnavailable:
            return None
        return dict(roster.people)


@pytest_asyncio.fixture
async def process(server: RedisServer) -> AsyncIterator[Process]:
    process = Process(server)
    keeping = asyncio.create_task(process.lease.run())
    yield process
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    await process.lease.end()
    await process.store.close()


async def test_everyone_joins_again_after_a_flush(process: Process, server: RedisServer) -> None:
    for user in range(1, 501):
        await process.join(Visit(user, ["hall"], away=user % 2 == 0))
    before = process.lease.process

    server.flush()

    states = [State.AWAY, State.ONLINE]
    await process.shows({user: states[user % 2] for user in range(1, 501)})
    assert process.lease.process != before


async def test_an_outage_fails_what_waits_and_heals_by_itself(
    process: Process, server: RedisServer
) -> None:
    stays, leaves, comes = (Visit(user, ["hall"]) for user in (7, 8, 9))
    await process.join(stays)
    await process.join(leaves)

    server.stop()
    with pytest.raises(StoreUnavailable):
        await process.leave(leaves)
    with pytest.raises(StoreUnavailable):
        await process.join(comes)
    server.start()

    await process.shows({7: State.ONLINE, 9: State.ONLINE})


async def test_a_leave_that_was_never_answered_leaves_no_ghost(
    process: Process, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = Visit(7, ["hall"])
    await process.join(visit)
    before = process.lease.process

    async def lost(*args: object) -> bool:
        monkeypatch.undo()
        raise StoreUnavailable("the answer was lost, and so was the question")

    monkeypatch.setattr(process.store, "apply", lost)
    with pytest.raises(StoreUnavailable):
        await process.leave(visit)

    await process.takes_another_name(before)
    await process.store.release(before)  # its lease runs out
    await process.shows({})


async def test_a_process_that_was_taken_for_dead_comes_back(process: Process) -> None:
    await process.join(Visit(7, ["hall"]))
    before = process.lease.process

    await process.store.release(before)  # as if it had been frozen for longer than its lease

    await process.takes_another_name(before)
    await process.shows({7: State.ONLINE})


async def test_what_the_store_lost_under_a_good_lease_is_noticed(
    process: Process, server: RedisServer
) -> None:
    await process.join(Visit(7, ["hall"]))

    server.delete(f"presence:p:{process.lease.process}", "presence:r:hall", "presence:on:hall")

    await process.shows({7: State.ONLINE})


async def test_views_are_made_again_after_a_flush(process: Process, server: RedisServer) -> None:
    await process.join(Visit(7, viewing="chat:general"))
    viewers = RedisViewers(server.url)
    assert viewers.read(["chat:general"]) == {(7, "chat:general")}

    server.flush()

    async with asyncio.timeout(PATIENCE_SECONDS):
        while viewers.read(["chat:general"]) != {(7, "chat:general")}:
            await asyncio.sleep(0.01)


async def test_a_view_that_the_store_lost_under_a_good_lease_is_noticed(
    process: Process, server: RedisServer
) -> None:
    await process.join(Visit(7, viewing="chat:general"))
    before = process.lease.process

    server.delete(f"presence:p:{before}", f"presence:w:{before}=chat:general")

    await process.takes_another_name(before)


async def test_joining_again_asks_anew_who_appears_offline(
    process: Process, server: RedisServer
) -> None:
    await process.join(Visit(7, ["hall"]))
    await process.join(Visit(8, ["hall"]))
    process.visibilities[7] = 1  # chosen on another process; the flush forgets it

    server.flush()

    await process.shows({8: State.ONLINE})
