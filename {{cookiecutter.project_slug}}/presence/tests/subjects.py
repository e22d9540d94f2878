"""Both stores under one handle, so that one contract can be put to either."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import pytest

from presence.attendance import Store
from presence.stores import Announcement, LeaseLost, Roster, State, Timing, Visit
from presence.stores.memory import MemoryStore
from presence.stores.redis import RedisStore
from realtime.tests.redis_server import RedisServer
from realtime.viewing import View

TIMING = Timing(
    lease_seconds=4, beat_seconds=0.1, grace_seconds=0.4, window_seconds=0.02, sweep_seconds=0.02
)
PATIENCE_SECONDS = 20
EACH_STORE = [
    pytest.param("memory", marks=pytest.mark.embedded),
    pytest.param("redis", marks=pytest.mark.redis),
]


def visit(
    user: int,
    connection: str = "tab",
    *,
    rooms: Iterable[str] = ("hall",),
    **how: Any,  # Any: as `Visit` takes it
) -> Visit:
    """A connection, in the hall unless `rooms` says otherwise."""
    return Visit(user, frozenset(rooms), connection=f"{user}-{connection}", **how)


class Subject(ABC):
    """A store under test, the processes that hold leases in it, and what it announced."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.heard: list[Announcement] = []
        self._beating: set[str] = set()

    def now(self) -> float:
        return time.time()

    async def tick(self) -> None:
        await asyncio.sleep(0.01)

    async def start(self, *processes: str) -> None:
        for process in processes:
            await self.store.open(process)
            self._beating.add(process)

    def silence(self, process: str) -> None:
        """Let a process die, or freeze."""
        self._beating.discard(process)

    async def put(
        self, user: int, connection: str, *, at: str = "one", **how: Any
    ) -> bool:  # Any: as above
        """A connection is in the hall, or as `how` says; whether there is something to announce."""
        return await self.store.put(at, [visit(user, connection, **how)])

    async def leave(self, user: int, connection: str, *, at: str = "one") -> None:
        await self.put(user, connection, at=at, ended=True)

    async def view(self, user: int, connection: str, topic: str | None, at: str = "one") -> None:
        await self.put(user, connection, at=at, rooms=(), viewing=topic)

    def viewers(self, *topics: str) -> set[View]:
        """Who views one of `topics` now."""
        return self.store.viewers(topics)

    @abstractmethod
    def waiting(self) -> bool:
        """Whether a grace is running, or something waits to be announced."""

    async def roster(self, limit: int = 100) -> Roster:
        (roster,) = await self.store.rosters(["hall"], limit=limit)
        return roster

    async def people(self) -> dict[int, State]:
        return dict((await self.roster()).people)

    async def pass_time(self) -> None:
        """Do once what processes do all the time."""
        await self.tick()
        for process in self._beating:
            with suppress(LeaseLost):
                await self.store.beat(process)
        while (await self.store.sweep(limit=100)).more:
            pass
        self.heard += await self.store.announce(limit=100)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until `condition` holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"It did not happen; heard: {self.heard}"
            await self.pass_time()

    async def settled(self) -> list[tuple[int, State]]:
        """Let time pass until nothing is due or to be announced; return all that was heard."""
        await self.until(lambda: not self.waiting())
        return self.edges

    @property
    def edges(self) -> list[tuple[int, State]]:
        return [edge for heard in self.heard for edge in heard.people.items()]


class MemorySubject(Subject):
    """The in-process store, with a clock that the test moves."""

    def __init__(self) -> None:
        self._now = 1_700_000_000.0
        self._memory = MemoryStore(TIMING, clock=self.now)
        super().__init__(self._memory)

    def waiting(self) -> bool:
        return bool(self._memory._leaving or self._memory._announce_at)

    def now(self) -> float:
        return self._now

    async def tick(self) -> None:
        self._now += 0.01


class RedisSubject(Subject):
    """The Redis store, on a real server and its clock."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(RedisStore(server.url, TIMING))
        self._server = server

    def waiting(self) -> bool:
        return not {b"presence:leaving", b"presence:changed"}.isdisjoint(self._server.keys())
