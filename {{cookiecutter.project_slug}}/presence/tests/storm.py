"""People who come and go, and view topics, over processes that are killed, frozen, robbed of their
store, and on clocks hours apart.

`python -m presence.tests.storm redis://... 24` prints the report of a storm of 24 kills as JSON.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import cycle
from unittest.mock import patch

from msgspec.structs import replace
from redis import Redis

from presence.stores import Announcement, State, Timing, Visit
from presence.stores import redis as redis_store
from presence.stores.redis import RedisStore
from presence.tests.model import LATE_SECONDS, Follower, Model, Stay, view_of
from presence.tests.processes import Gone, WorkerProcess

TIMING = Timing(
    lease_seconds=5, beat_seconds=0.3, grace_seconds=0.5, window_seconds=0.05, sweep_seconds=0.1
)
ROOMS = ["hall", "den", "attic", "porch"]
TOPICS = ["chat:hall", "chat:den"]
PEOPLE = range(1, 31)
KEEPER = 99
TABS = 40
WORKERS = 4
KILL_EVERY_SECONDS = 0.7
SAMPLE_EVERY_SECONDS = 0.05
CLOCK_SECONDS = 0.005  # Redis tells milliseconds
AHEAD_SECONDS = [0, 3600, -3600]  # how far the workers' clocks are, one after another


@dataclass
class Report:
    kills: int = 0
    freezes: int = 0
    flushes: int = 0
    operations: int = 0
    announcements: int = 0
    edges: int = 0
    samples: int = 0
    viewed: int = 0
    """Samples in which somebody viewed something."""
    gaps: int = 0
    """Left by announcements that died with their process, and by flushes; clients ask at each."""
    wrong: list[str] = field(default_factory=list)
    """Announced: who left while they had to be here, or is here while they had to be gone."""
    ghosts: list[str] = field(default_factory=list)
    """In a roster, or viewing, while they had to be gone."""
    missing: list[str] = field(default_factory=list)
    """In no roster, or not viewing, while they had to be here."""


class Storm:
    def __init__(self, url: str) -> None:
        self.report = Report()
        self._url = url
        self._model = Model(TIMING)
        with patch.object(redis_store, "VIEWERS_SECONDS", 5):  # an answer may be late here
            self._store = RedisStore(url, TIMING)
        self._followers = {room: Follower() for room in ROOMS}
        self._stays: dict[WorkerProcess, dict[str, Stay]] = {}
        self._leaving: dict[WorkerProcess, dict[str, Stay]] = {}
        self._ahead = cycle(AHEAD_SECONDS)
        self._random = random.Random()
        self._busy = True

    async def blow(self, kills: int) -> Report:
        """Let it all happen, wait until it has settled, and tell what was not as it must be."""
        await asyncio.gather(*(self._start_worker() for _ in range(WORKERS)))
        watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(TABS):
                    tasks.create_task(self._use_tab())
                await self._make_trouble(kills, tasks)
                self._busy = False
            await self._settle()
        finally:
            watching.cancel()
            await asyncio.gather(*(worker.end() for worker in self._stays))
            await self._store.close()
        return self.report

    # People

    async def _use_tab(self) -> None:
        """A tab: it joins some worker, is away and back, views topics, is closed or reloaded."""
        await asyncio.sleep(self._random.random())
        while self._busy:
            user = self._random.choice(PEOPLE)
            rooms = frozenset(self._random.sample(ROOMS, self._random.randint(1, len(ROOMS))))
            for _ in range(self._random.randint(1, 3)):
                away = self._random.random() < 0.3
                visit = Visit(user, rooms, away, self._pick_viewing(away))
                with suppress(Gone):
                    await self._visit(self._random.choice(self._running()), visit)

    async def _visit(self, worker: WorkerProcess, visit: Visit) -> None:
        tab = visit.connection
        stay = self._model.asked(visit.user, visit.rooms, visit.away, time.time())
        self._stays[worker][tab] = stay
        view = self._begin_view(worker, visit)
        await self._put(worker, visit)
        self._count(worker, tab, stay)
        self._count(worker, view_of(tab), view)
        for _ in range(self._random.randint(0, 3)):
            await asyncio.sleep(self._random.random() * 0.5)
            await worker.thawed()
            away = not visit.away
            visit = replace(visit, away=away, viewing=self._pick_viewing(away))
            self._stay(worker, tab).away = away
            self._leave(worker, view_of(tab))
            view = self._begin_view(worker, visit)
            await self._put(worker, visit)
            self._leaving[worker].pop(view_of(tab), None)
            self._count(worker, view_of(tab), view)
        if self._busy or self._random.random() < 0.5:  # in the end some stay
            await worker.thawed()
            self._stay(worker, tab)
            self._leave(worker, tab)
            self._leave(worker, view_of(tab))
            await self._put(worker, replace(visit, ended=True))
            self._leaving[worker].pop(tab, None)
            self._leaving[worker].pop(view_of(tab), None)

    def _pick_viewing(self, away: bool) -> str | None:
        return None if away else self._random.choice([None, *TOPICS])

    def _begin_view(self, worker: WorkerProcess, visit: Visit) -> Stay | None:
        if visit.viewing is None:
            return None
        view = self._model.asked_to_view(visit.user, visit.viewing, time.time())
        self._stays[worker][view_of(visit.connection)] = view
        return view

    def _count(self, worker: WorkerProcess, name: str, stay: Stay | None) -> None:
        """The store has made it so, unless the worker has begun again meanwhile."""
        if stay is not None and self._stays[worker].get(name) is stay:
            stay.counts = time.time()

    def _leave(self, worker: WorkerProcess, name: str) -> None:
        if (stay := self._stays[worker].pop(name, None)) is not None:
            self._leaving[worker][name] = stay
            self._model.left(stay, time.time())

    def _stay(self, worker: WorkerProcess, tab: str) -> Stay:
        try:
            return self._stays[worker][tab]
        except KeyError:
            raise Gone from None

    async def _put(self, worker: WorkerProcess, visit: Visit) -> None:
        await worker.put(visit)
        self.report.operations += 1

    # Trouble

    async def _make_trouble(self, kills: int, tasks: asyncio.TaskGroup) -> None:
        for number in range(kills):
            await asyncio.sleep(KILL_EVERY_SECONDS)
            if number == kills // 4:
                tasks.create_task(self._freeze())
            if number == kills * 3 // 4:
                self._flush()
            await self._kill()
            tasks.create_task(self._start_worker())

    async def _kill(self) -> None:
        worker = await self._any_but_the_last()
        worker.kill()
        self._fall_silent(worker)
        self._stays[worker].clear()
        self.report.kills += 1

    async def _freeze(self) -> None:
        """Stop a worker for longer than its lease, and let it run on."""
        worker = await self._any_but_the_last()
        worker.freeze()
        self._fall_silent(worker)
        await asyncio.sleep(TIMING.lease_seconds + TIMING.grace_seconds + LATE_SECONDS)
        self._begin_again(worker)
        worker.thaw()
        self.report.freezes += 1

    def _flush(self) -> None:
        self._model.forgotten(time.time())
        for worker in self._running():  # a frozen one begins again when it is thawed
            self._begin_again(worker)
        with Redis.from_url(self._url) as client:
            client.flushall()
        self.report.flushes += 1

    def _fall_silent(self, worker: WorkerProcess) -> None:
        now = time.time()
        for stay in [*self._stays[worker].values(), *self._leaving[worker].values()]:
            self._model.fell_silent(stay, now)

    def _begin_again(self, worker: WorkerProcess) -> None:
        now = time.time()
        for tab, stay in self._stays[worker].items():
            self._stays[worker][tab] = self._model.begins_again(stay, now)
        for stay in self._leaving[worker].values():
            stay.ends = min(stay.ends, now)
            stay.gone = max(stay.gone, now + stay.grace + LATE_SECONDS)

    async def _start_worker(self) -> None:
        worker = WorkerProcess(self._url, TIMING, self._hear, next(self._ahead))
        await worker.start()
        # The first connection starts the worker's task.
        await worker.put(Visit(KEEPER))
        self._stays[worker], self._leaving[worker] = {}, {}

    async def _any_but_the_last(self) -> WorkerProcess:
        """A running worker of two at least: another one has to remove its people."""
        while len(self._running()) < 2:
            await asyncio.sleep(0.05)
        return self._random.choice(self._running())

    def _running(self) -> list[WorkerProcess]:
        return [worker for worker in self._stays if worker.running]

    # Looking

    def _hear(self, heard: Announcement) -> None:
        self.report.announcements += 1
        self.report.edges += len(heard.people)
        if not self._followers[heard.room].hear(heard):
            self.report.wrong.append(f"twice: {heard}")
        start, end = heard.at - CLOCK_SECONDS, heard.at + CLOCK_SECONDS
        for user, state in heard.people.items():
            judge = self._model.must_be_here if state == State.OFFLINE else self._model.must_be_gone
            if judge(heard.room, user, start, end):
                self.report.wrong.append(f"{heard.room}: {user} {state} at {heard.at}")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_EVERY_SECONDS)
            start = time.time()
            rosters = await self._store.rosters(ROOMS, limit=len(PEOPLE))
            end = time.time()
            for roster in rosters:
                self._judge(roster.room, roster.people, start, end)
                self.report.gaps += self._followers[roster.room].look(roster, end)
            start = time.time()
            views = await asyncio.to_thread(self._views)
            end = time.time()
            self.report.viewed += any(views.values())
            for topic, viewers in views.items():
                self._judge(view_of(topic), viewers, start, end)

    def _views(self) -> dict[str, set[int]]:
        views = self._store.viewers(TOPICS)
        return {topic: {user for user, seen in views if seen == topic} for topic in TOPICS}

    def _judge(self, room: str, here: Collection[int], start: float, end: float) -> None:
        self.report.samples += 1
        for user in PEOPLE:
            if user in here:
                if self._model.must_be_gone(room, user, start, end):
                    self.report.ghosts.append(f"{room}: {user} at {end}")
            elif self._model.must_be_here(room, user, start, end):
                self.report.missing.append(f"{room}: {user} at {end}")

    async def _settle(self) -> None:
        """Wait until rosters and followers are as the model says; tell where they are not."""
        deadline = time.time() + TIMING.lease_seconds + TIMING.grace_seconds + 3 * LATE_SECONDS
        while differences := await self._differences():
            if time.time() > deadline:
                self.report.wrong += differences
                return
            await asyncio.sleep(SAMPLE_EVERY_SECONDS)

    async def _differences(self) -> list[str]:
        rosters = await self._store.rosters(ROOMS, limit=len(PEOPLE))
        views = await asyncio.to_thread(self._views)
        now = time.time()
        return [
            f"in the end, {topic} is viewed by {viewers} instead of {expected}"
            for topic, viewers in views.items()
            for expected in [set(self._model.here_now(view_of(topic), now))]
            if viewers != expected
        ] + [
            f"in the end, {roster.room} is {what} instead of {expected}"
            for roster in rosters
            for expected in [self._model.here_now(roster.room, now)]
            for what in [dict(roster.people), self._followers[roster.room].people]
            if what != expected
        ]


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(Storm(sys.argv[1]).blow(int(sys.argv[2]))))))
