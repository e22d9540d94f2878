"""Batching: items that arrive while a batch is in progress form the next one.

For writes this is group commit; for reads it is one query in place of one for each socket.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from inspect import iscoroutinefunction
from typing import Any, Generic, TypeVar

from django.db import IntegrityError
from django.utils.translation import gettext as _
from prometheus_client import Histogram

from realtime.database import in_database, is_away, is_timed_out
from realtime.protocol import ErrorCode, Refusal

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH_ITEMS = 100
WAITING_ITEMS = 20_000  # more are refused
LINGER_SECONDS = 0.05  # the pause before the next batch of a crowd
TRIES = 5  # of an item that refers to a row which somebody deletes at that moment
SLOW_SECONDS = 0.5  # a batch that takes longer waits for a lock; the next one begins meanwhile


class Batcher(Generic[Item, Result]):
    """Processes the items that wait as one batch.

    A batch that waits for a lock of another process delays the keys in it and no others.

    Args:
        work: processes the items, in one transaction if it writes. It returns, in their order, a
            result or the exception to raise for each. If it raises, it is called again for each
            half, so that only an item at fault fails. A plain function runs in a thread and may
            use the ORM.
        key: items with the same key are never in two batches at once, and are processed in the
            order in which they were submitted. By default all have the same key.
        linger: whether to pause after a batch of several items, so that the next one has more:
            for work that costs a crowd less in few batches.
        sizes: the histogram of the sizes of batches.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result | Exception]]
        | Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        key: Callable[[Item], Hashable] = lambda _: None,
        linger: bool = False,
        sizes: Histogram | None = None,
    ) -> None:
        self._work: Any = work  # Any: of two kinds
        self._key = key
        self._linger = linger
        self._sizes = sizes
        self._waiting: dict[Hashable, list[tuple[Item, asyncio.Future[Result]]]] = {}
        self.waiting_items = 0
        self._busy: set[Hashable] = set()  # keys in a batch that is in progress
        self._worker: asyncio.Task[None] | None = None
        self._batches: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item) -> Result:
        """Process `item` with the next batch; return its result.

        Raises:
            Refusal: `unavailable`, too many items wait already.
            Exception: what `work` returned for this item, or raised for its batch.
        """
        if self.waiting_items >= WAITING_ITEMS:
            detail = _("Too much is waiting to be done. Try again.")
            raise Refusal(ErrorCode.UNAVAILABLE, detail, retry_after=1)
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(self._key(item), []).append((item, done))
        self.waiting_items += 1
        self._go_on()
        return await done

    def _go_on(self) -> None:
        """Begin with what waits, unless that is under way."""
        if self._worker is None or self._worker.done():  # by the end of its loop, before it began
            self._worker = asyncio.create_task(self._run())

    async def _run(self) -> None:
        """Do batch after batch, while there is one that can be done."""
        try:
            await asyncio.sleep(0)  # the first batch has all items of this turn of the loop
            while batch := self._next_batch():
                doing = asyncio.create_task(self._do(batch))
                self._batches.add(doing)
                doing.add_done_callback(self._batches.discard)
                await asyncio.wait([doing], timeout=SLOW_SECONDS)
                if self._linger and len(batch) > 1 and self.waiting_items < BATCH_ITEMS:
                    await asyncio.sleep(LINGER_SECONDS)
        except asyncio.CancelledError:  # the event loop ends, and every caller with it
            self._waiting.clear()
            self.waiting_items = 0
            raise
        finally:
            self._worker = None

    def _next_batch(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        """Take waiting items whose key is not busy; keys take turns."""
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        for key in [key for key in self._waiting if key not in self._busy]:
            waiting = self._waiting.pop(key)
            room = BATCH_ITEMS - len(batch)
            batch += waiting[:room]
            if len(waiting) > room:
                self._waiting[key] = waiting[room:]  # behind the other keys
            if len(batch) == BATCH_ITEMS:
                break
        self.waiting_items -= len(batch)
        return batch

    async def _do(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        items = [item for item, _ in batch]
        keys = {self._key(item) for item in items}
        self._busy |= keys
        if self._sizes is not None:
            self._sizes.observe(len(items))
        try:
            results = await self._results(items)
        finally:
            self._busy -= keys
        if self._waiting:
            self._go_on()
        for (_item, done), result in zip(batch, results, strict=True):
            if done.cancelled():
                continue
            if isinstance(result, Exception):
                done.set_exception(result)
            else:
                done.set_result(result)

    async def _results(self, items: Sequence[Item], tries: int = TRIES) -> list[Result | Exception]:
        try:
            if iscoroutinefunction(self._work):
                return list(await self._work(items))
            return list(await in_database(self._work, items))
        except Exception as error:
            if is_away(error) and not (is_timed_out(error) and len(items) > 1):
                return [error] * len(items)
            if len(items) > 1:
                half = len(items) // 2
                return [*await self._results(items[:half]), *await self._results(items[half:])]
            if isinstance(error, IntegrityError) and tries > 1:
                return await self._results(items, tries - 1)
            return [error]
