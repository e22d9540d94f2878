"""What a process does for presence: it keeps its visits in the store, sweeps and announces."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from uuid import uuid4

from msgspec.structs import replace
from prometheus_client import Counter, Gauge

from presence.stores import Announcement, LeaseLost, StoreUnavailable, Visit
from presence.stores.memory import MemoryStore
from presence.stores.redis import RedisStore

logger = logging.getLogger(__name__)

BATCH_PLACES = 500  # rooms of visits put by one call, in some ten milliseconds of Redis
READ_VISITS = 500  # whose people are looked up by one query
SWEEP_LIMIT = 250  # people in rooms; a call takes some five milliseconds of Redis's time
ANNOUNCED_PEOPLE = 250  # in one frame
RETRY_SECONDS = 1
PAUSE_SECONDS = 0.005  # between two sweeps of many, so that Redis can serve others
MARGIN_SECONDS = 0.005  # added to the window, so that an announcement is due when it is asked for

beats = Counter("presence_beats", "Renewals of this process's lease in the store.")
store_up = Gauge(
    "presence_store_up", "Whether presence's store answers.", multiprocess_mode="livemin"
)
store_up.set(1)  # in a process that has not asked it yet

Store = MemoryStore | RedisStore
Announce = Callable[[Sequence[Announcement]], Awaitable[None]]
Visibilities = Callable[[Sequence[int]], Awaitable[dict[int, int]]]


class Attendance:
    """The connections of this process. Belongs to one event loop; see `presence.running`.

    `visits` is the desired state, and the store is made to agree. When it may not (no answer, a
    lease that expired while the process was frozen, a Redis that lost its data), the lease is
    replaced by a new one and every visit is put again. The old lease's visits end with it; as the
    same people are in the rooms under the new one by then, no change is announced.

    Args:
        announce: publishes announcements.
        visibilities: reads how often each of some people changed whether they appear; those who
            never did may be left out.
    """

    def __init__(self, store: Store, announce: Announce, visibilities: Visibilities) -> None:
        self.loop = asyncio.get_running_loop()
        self.store = store
        self.process = ""
        """The name of the lease that is held, if one is."""
        self.visits: dict[str, Visit] = {}
        self._announce = announce
        self._visibilities = visibilities
        self._waiting: deque[tuple[Visit, asyncio.Future[None]]] = deque()
        self._work = asyncio.Event()
        self._woken = asyncio.Event()
        self._beat_at = 0.0
        self._store_away = False
        self._task = self.loop.create_task(self._run())

    def put(self, visit: Visit) -> asyncio.Future[None]:
        """The connection is as `visit` says; the future is done when the store knows.

        The store is told whether or not the future is awaited. Where the store does not answer the
        future fails with `StoreUnavailable`, and the store is made to agree later.
        """
        done: asyncio.Future[None] = self.loop.create_future()
        done.add_done_callback(_retrieve)
        if self._task.done():
            done.set_exception(StoreUnavailable("this process ends"))
        elif visit.ended and visit.connection not in self.visits:
            done.set_result(None)
        else:
            if visit.ended:
                del self.visits[visit.connection]
            else:
                self.visits[visit.connection] = visit
            self._waiting.append((visit, done))
            self._work.set()
        return done

    async def stop(self) -> None:
        """End the task now; visits that are left end with the process's lease."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._fail(StoreUnavailable("this process ends"))
        if self.process:
            with suppress(StoreUnavailable):
                await self.store.release(self.process)
        await self.store.close()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._repeat(self._keep_lease))
            tasks.create_task(self._repeat(self._sweep))

    async def _repeat(self, work: Callable[[], Awaitable[None]]) -> None:
        """Work until cancelled; after a failure, go on in a moment."""
        while True:
            try:
                await work()
            except LeaseLost:
                logger.info("Presence: the lease has expired; every visit is put again.")
            except StoreUnavailable as error:
                store_up.set(0)
                if not self._store_away:  # of an outage, one line
                    logger.warning("Presence: the store does not answer: %s", error.cause)
                self._store_away = True
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:  # most likely of the database
                logger.exception("Presence: the store could not be kept up to date")
                await asyncio.sleep(RETRY_SECONDS)

    # The lease, and the visits under it

    async def _keep_lease(self) -> None:
        try:
            await self._begin()
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(self._beat_at):
                        await self._work.wait()
                if self._waiting:
                    await self._put_waiting()
                if self.loop.time() >= self._beat_at:
                    await self._beat()
        except Exception as error:
            self.process = ""
            if not isinstance(error, LeaseLost):
                self._fail(error)
            raise

    async def _begin(self) -> None:
        """Take a lease under a new name, and put every visit under it."""
        self.process = uuid4().hex[:16]
        await self.store.open(self.process)
        self._set_beat()
        connections = list(self.visits)
        for start in range(0, len(connections), READ_VISITS):
            chunk = connections[start : start + READ_VISITS]
            users = {self.visits[name].user for name in chunk if name in self.visits}
            visibilities = await self._visibilities(list(users))
            for batch in batches(
                replace(visit, visibility=max(visit.visibility, visibilities.get(visit.user, 0)))
                for visit in [self.visits[name] for name in chunk if name in self.visits]
            ):
                await self._put(batch)
            if self.loop.time() >= self._beat_at:
                await self.store.beat(self.process)
                self._set_beat()

    async def _put_waiting(self) -> None:
        batch = next(batches(visit for visit, _ in self._waiting))
        await self._put([self._latest(visit) for visit in batch])
        for _ in batch:
            _, done = self._waiting.popleft()
            if not done.done():
                done.set_result(None)
        if not self._waiting:
            self._work.clear()

    def _latest(self, visit: Visit) -> Visit:
        """The visit as it is now, so that the store never returns to how it was earlier."""
        return self.visits.get(visit.connection) or replace(visit, ended=True)

    async def _put(self, visits: Sequence[Visit]) -> None:
        if await self.store.put(self.process, visits):
            self._woken.set()

    async def _beat(self) -> None:
        expected, settled = len(self.visits), not self._waiting
        held = await self.store.beat(self.process)
        beats.inc()
        self._set_beat()
        if settled and held != expected:
            logger.warning("Presence: the store has %d of %d visits.", held, expected)
            raise LeaseLost

    def _set_beat(self) -> None:
        """The store has answered; let the next beat be due in a while."""
        store_up.set(1)
        if self._store_away:
            logger.info("Presence: the store answers again.")
        self._store_away = False
        self._beat_at = self.loop.time() + self.store.timing.beat_seconds

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, deque()
        self._work.clear()
        for _, done in waiting:
            if not done.done():
                done.set_exception(error)

    # Sweeps and announcements, for all processes

    async def _sweep(self) -> None:
        """Remove who is gone, announce what is due and wait until there may be more."""
        swept = await self.store.sweep(SWEEP_LIMIT)
        await self._announce_due()
        if swept.wake:
            self._woken.set()
        if swept.more:
            await asyncio.sleep(PAUSE_SECONDS)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self.store.timing.sweep_seconds):
                await self._woken.wait()
        if self._woken.is_set():
            self._woken.clear()
            await asyncio.sleep(self.store.timing.window_seconds + MARGIN_SECONDS)

    async def _announce_due(self) -> None:
        announcements = await self.store.announce(ANNOUNCED_PEOPLE)
        if not announcements:
            return
        try:
            await self._announce(announcements)
        except Exception:  # clients notice the gap, and ask
            logger.exception("Presence: %d announcements were lost", len(announcements))


def batches(visits: Iterable[Visit]) -> Iterator[list[Visit]]:
    """`visits` in parts with about `BATCH_PLACES` rooms each."""
    batch: list[Visit] = []
    places = 0
    for visit in visits:
        batch.append(visit)
        places += 1 + len(visit.rooms)
        if places >= BATCH_PLACES:
            yield batch
            batch, places = [], 0
    if batch:
        yield batch


def _retrieve(done: asyncio.Future[None]) -> None:
    """Keep asyncio from reporting a failure that nobody awaited."""
    if not done.cancelled():
        done.exception()
