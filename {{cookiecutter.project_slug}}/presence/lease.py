"""This process's lease in the store, and the visits under it."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from uuid import uuid4

from prometheus_client import Counter

from presence.stores import Change, Join, LeaseLost, SetViewing, Store, StoreUnavailable

logger = logging.getLogger(__name__)

BATCH_ENTRIES = 500  # changed by one call, in some ten milliseconds of Redis
READ_VISITS = 500  # whose people are looked up by one query
RETRY_SECONDS = 1

beats = Counter("presence_beats", "Renewals of this process's lease in the store.")

Visibilities = Callable[[Sequence[int]], Awaitable[dict[int, int]]]


class Visit:
    """A person's connection, the rooms that it counts in and the topic that it views."""

    __slots__ = ("away", "connection", "rooms", "user", "viewing", "visibility")

    def __init__(
        self,
        user: int,
        rooms: Iterable[str] = (),
        *,
        away: bool = False,
        viewing: str | None = None,
        visibility: int = 0,
    ) -> None:
        self.connection = uuid4().hex[:16]
        self.user = user
        self.rooms = set(rooms)
        self.away = away
        self.viewing = viewing
        self.visibility = visibility

    @property
    def entries(self) -> int:
        """How many entries the store has of it (see `Store.beat`)."""
        return len(self.rooms) + (self.viewing is not None)

    def join(self, rooms: Iterable[str]) -> Join:
        """The change that puts the visit into `rooms`."""
        return Join(self.connection, self.user, tuple(rooms), self.away, self.visibility)

    def changes(self) -> list[Change]:
        """The changes that bring all of the visit into a store that does not have it."""
        changes: list[Change] = [self.join(self.rooms)]
        if self.viewing is not None:
            changes.append(SetViewing(self.connection, self.user, self.viewing, viewing=True))
        return changes


class Lease:
    """The one writer of this process: sends changes to the store in order, in batches.

    `visits` is the desired state, and the store is made to agree. When it may not (no answer, a
    lease that expired while the process was frozen, a Redis that lost its data), the lease is
    replaced by a new one and every visit joins again. The old lease's entries end with it; as the
    same people are in the rooms under the new one by then, no change is announced.

    Args:
        visibilities: reads how often each of some people changed whether they appear; those who
            never did may be left out.
        on_wake: called when the store has something new to announce.
    """

    def __init__(
        self, store: Store, visibilities: Visibilities, on_wake: Callable[[], None]
    ) -> None:
        self.visits: dict[str, Visit] = {}
        self.process = ""
        self._store = store
        self._visibilities = visibilities
        self._on_wake = on_wake
        self._held = False
        self._ended = False
        self._beat_at = 0.0
        self._waiting: deque[tuple[Change, asyncio.Future[None] | None]] = deque()
        self._work = asyncio.Event()

    def submit(self, *changes: Change) -> asyncio.Future[None]:
        """Queue changes; the future is done when the store has made all of them.

        Where the store does not answer the future fails with `StoreUnavailable`, and the store is
        made to agree with `visits` later.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_retrieve)
        *first, last = changes
        self._waiting.extend((change, None) for change in first)
        self._waiting.append((last, done))
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
                logger.info("Presence: the lease has expired; every connection joins again.")
            except StoreUnavailable as error:
                logger.warning("Presence: the store does not answer: %s", error.cause)
                self._fail(error)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as error:  # most likely of the database; begin anew
                logger.exception("Presence: the lease could not be kept")
                self._fail(error)
                await asyncio.sleep(RETRY_SECONDS)
            self._held = False

    async def end(self) -> None:
        """Release the lease, which ends its visits, and fail what waits."""
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
            for batch in batches(change for visit in here for change in visit.changes()):
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
            if done and not done.done():
                done.set_result(None)

    async def _apply(self, changes: Sequence[Change]) -> None:
        if await self._store.apply(self.process, changes):
            self._on_wake()

    async def _beat(self) -> None:
        expected = sum(visit.entries for visit in self.visits.values())
        settled = not self._waiting
        held = await self._store.beat(self.process)
        beats.inc()
        self._set_beat()
        if settled and held != expected:
            logger.warning(
                "Presence: the store has %d of %d entries of this process.", held, expected
            )
            raise LeaseLost

    def _set_beat(self) -> None:
        self._beat_at = asyncio.get_running_loop().time() + self._store.timing.beat_seconds

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, deque()
        self._work.clear()
        for _, done in waiting:
            if done and not done.done():
                done.set_exception(error)


def batches(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """`changes` in parts of about `BATCH_ENTRIES` entries each."""
    batch: list[Change] = []
    entries = 0
    for change in changes:
        batch.append(change)
        entries += 1 if isinstance(change, SetViewing) else 1 + len(change.rooms)
        if entries >= BATCH_ENTRIES:
            yield batch
            batch, entries = [], 0
    if batch:
        yield batch


def _retrieve(done: asyncio.Future[None]) -> None:
    """Keep asyncio from reporting a failure that nobody awaited."""
    if not done.cancelled():
        done.exception()
