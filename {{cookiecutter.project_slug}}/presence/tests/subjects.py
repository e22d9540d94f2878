"""Both stores under one handle, so that one contract can be put to either."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress

import pytest

from presence.stores import (
    Announcement,
    Change,
    Join,
    LeaseLost,
    Leave,
    Roster,
    SetAway,
    SetViewing,
    SetVisibility,
    State,
    Store,
    Timing,
    View,
)
from presence.stores.memory import MemoryStore
from presence.stores.redis import RedisStore, RedisViewers
from presence.tests.redis_server import RedisServer

TIMING = Timing(
    lease_seconds=0.6, beat_seconds=0.1, grace_seconds=0.4, window_seconds=0.02, sweep_seconds=0.02
)
PATIENCE_SECONDS = 20
EACH_STORE = [
    pytest.param("memory", marks=pytest.mark.embedded),
    pytest.param("redis", marks=pytest.mark.redis),
]


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

    async def apply(self, process: str, *changes: Change) -> bool:
        return await self.store.apply(process, changes)

    async def join(
        self,
        user: int,
        connection: str,
        *,
        at: str = "one",
        away: bool = False,
        visibility: int = 0,
    ) -> None:
        await self.apply(at, Join(connection, user, ["hall"], away, visibility))

    async def leave(self, user: int, connection: str, *, at: str = "one") -> None:
        await self.apply(at, Leave(connection, user, ["hall"]))

    async def set_away(self, user: int, connection: str, away: bool, *, at: str = "one") -> None:
        await self.apply(at, SetAway(connection, user, ["hall"], away))

    async def set_visibility(self, user: int, visibility: int) -> None:
        await self.apply("one", SetVisibility(user, ["hall"], visibility))

    async def view(self, user: int, connection: str, topic: str, *, at: str = "one") -> None:
        await self.apply(at, SetViewing(connection, user, topic, viewing=True))

    async def view_no_more(self, user: int, connection: str, topic: str) -> None:
        await self.apply("one", SetViewing(connection, user, topic, viewing=False))

    @abstractmethod
    def viewers(self, *topics: str) -> set[View]:
        """Who views one of `topics` now."""

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
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (await self.store.sweep(limit=100)).quiet:
            assert time.monotonic() < deadline, "The store does not come to rest."
            await self.pass_time()
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

    def viewers(self, *topics: str) -> set[View]:
        return self._memory.viewers(topics)

    def now(self) -> float:
        return self._now

    async def tick(self) -> None:
        self._now += 0.01


class RedisSubject(Subject):
    """The Redis store, on a real server and its clock."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(RedisStore(server.url, TIMING))
        self._viewers = RedisViewers(server.url)

    def viewers(self, *topics: str) -> set[View]:
        return self._viewers.read(topics)
