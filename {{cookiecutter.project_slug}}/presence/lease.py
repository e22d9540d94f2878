"""This process's lease in the store, and the visits that count under it."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from uuid import uuid4

from prometheus_client import Counter

from presence.stores.interface import Change, LeaseLost, Store, StoreUnavailable
from presence.visits import Visit

logger = logging.getLogger(__name__)

BATCH_PLACES = 500  # of connections in rooms, changed by one call: some ten milliseconds of Redis
READ_VISITS = 500  # whose people are looked up by one query
RETRY_SECONDS = 1

beats = Counter("presence_beats", "Renewals of this process's lease in the store.")

Visibilities = Callable[[Sequence[int]], Awaitable[dict[int, int]]]


class Lease:
    """The one writer of this process: changes reach the store in order, those that wait together.

    `visits` is what should be so; the store is made to agree. Whenever it may not (an answer that
    never came, a lease that ran out while the process was frozen, a Redis that lost its data), the
    lease is given up for a new one and every visit joins again. What the store still counts under
    the old one ends with it, and as the same people are there again by then, nobody notices.

    Args:
        visibilities: reads how often each of some people changed whether they appear; those who
            never did may be left out.
        on_stir: called when the store has something new to announce.
    """

    def __init__(
        self, store: Store, visibilities: Visibilities, on_stir: Callable[[], None]
    ) -> None:
        self.visits: dict[str, Visit] = {}
        self.process = ""
        self._store = store
        self._visibilities = visibilities
        self._on_stir = on_stir
        self._held = False
        self._ended = False
        self._beat_at = 0.0
        self._waiting: deque[tuple[Change, asyncio.Future[None]]] = deque()
        self._work = asyncio.Event()

    def submit(self, change: Change) -> asyncio.Future[None]:
        """Queue a change; the future is done when the store has made it.

        Where the store does not answer the future fails with `StoreUnavailable`, and what `visits`
        says is put right later.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_retrieve)
        self._waiting.append((change, done))
        self._work.set()
        if self._ended:
            self._fail(StoreUnavailable("this process ends"))
        return done

    async def run(self) -> None:
        """Keep the lease and make the changes, until cancelled."""
        while True:
            try:
                await self._keep()
            except LeaseLost:
                logger.info("Presence: the lease ran out, so everyone here joins again.")
            except StoreUnavailable as error:
                logger.warning("Presence: the store does not answer: %s", error.cause)
                self._fail(error)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as error:  # the database, most likely: what follows is a new start
                logger.exception("Presence: the lease could not be kept")
                self._fail(error)
                await asyncio.sleep(RETRY_SECONDS)
            self._held = False

    async def end(self) -> None:
        """Give the lease up; visits that are left end with it, and nobody is left waiting."""
        self._ended = True
        self._fail(StoreUnavailable("this process ends"))
        if self._held:
            self._held = False
            with suppress(StoreUnavailable):
                await self._store.release(self.process)

    async def _keep(self) -> None:
        if not self._held:
            await self._begin()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._beat_at):
                    await self._work.wait()
            if self._waiting:
                await self._make_changes()
            if asyncio.get_running_loop().time() >= self._beat_at:
                await self._beat()

    async def _begin(self) -> None:
        self.process = uuid4().hex[:16]
        await self._store.open(self.process)
        self._set_beat()
        connections = iter(list(self.visits))
        while chunk := list(islice(connections, READ_VISITS)):
            users = {self.visits[name].user for name in chunk if name in self.visits}
            visibilities = await self._visibilities(list(users))
            here = [self.visits[name] for name in chunk if name in self.visits]
            for visit in here:
                visit.visibility = max(visit.visibility, visibilities.get(visit.user, 0))
            for batch in batches(visit.as_join() for visit in here):
                await self._apply(batch)
            if asyncio.get_running_loop().time() >= self._beat_at:
                await self._store.beat(self.process)
                self._set_beat()
        self._held = True

    async def _make_changes(self) -> None:
        batch = next(batches(change for change, _ in self._waiting))
        await self._apply(batch)
        made = [self._waiting.popleft() for _ in batch]
        if not self._waiting:
            self._work.clear()
        for _, done in made:
            if not done.done():
                done.set_result(None)

    async def _apply(self, changes: Sequence[Change]) -> None:
        if await self._store.apply(self.process, changes):
            self._on_stir()

    async def _beat(self) -> None:
        expected = sum(len(visit.rooms) for visit in self.visits.values())
        settled = not self._waiting
        held = await self._store.beat(self.process)
        beats.inc()
        self._set_beat()
        if settled and held != expected:
            logger.warning("Presence: the store has %d of %d places here.", held, expected)
            raise LeaseLost

    def _set_beat(self) -> None:
        self._beat_at = asyncio.get_running_loop().time() + self._store.timing.beat_seconds

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, deque()
        self._work.clear()
        for _, done in waiting:
            if not done.done():
                done.set_exception(error)


def batches(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """`changes` in parts of about `BATCH_PLACES` places each."""
    batch: list[Change] = []
    places = 0
    for change in changes:
        batch.append(change)
        places += 1 + len(change.rooms)
        if places >= BATCH_PLACES:
            yield batch
            batch, places = [], 0
    if batch:
        yield batch


def _retrieve(done: asyncio.Future[None]) -> None:
    """Keep a failure that nobody waits for from being reported as never retrieved."""
    if not done.cancelled():
        done.exception()
