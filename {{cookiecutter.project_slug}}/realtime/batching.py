"""Batching: what arrives while a batch is under way goes together into the next one.

Of writes this is group commit; of reads it is one query where a crowd would ask one each.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from realtime.database import in_database
from realtime.protocol import ErrorCode, Refusal
from realtime.stats import Distribution

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH_ITEMS = 100
WAITING_ITEMS = 2_000


class Batcher(Generic[Key, Item, Result]):
    """One worker per key; what waits for it is done as one batch.

    Args:
        work: synchronous; does a key's items, in one transaction if it writes, and returns in
            their order a result, or the exception to raise, for each.
        most_waiting: items of a key beyond which more are refused.
        sizes: where the sizes of the batches are counted.
    """

    def __init__(
        self,
        work: Callable[[Key, Sequence[Item]], Sequence[Result | Exception]],
        *,
        most_waiting: int = WAITING_ITEMS,
        sizes: Distribution | None = None,
    ) -> None:
        self._work = work
        self._most_waiting = most_waiting
        self._sizes = sizes
        self._waiting: dict[Key, deque[tuple[Item, asyncio.Future[Result]]]] = {}
        self._workers: set[asyncio.Task[None]] = set()

    async def submit(self, key: Key, item: Item) -> Result:
        """Do `item` with the next batch of its key; return its result.

        Items of one key are done in the order of their submission.

        Raises:
            Refusal: `unavailable`, too much waits already.
            Exception: what `work` gave for this item, or raised for its batch.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = deque()
            worker = asyncio.create_task(self._do_all(key, waiting))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        if len(waiting) >= self._most_waiting:
            raise Refusal(
                ErrorCode.UNAVAILABLE, "Too much is waiting to be done. Try again.", retry_after=1
            )
        waiting.append((item, done))
        return await done

    async def _do_all(self, key: Key, waiting: deque[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            await asyncio.sleep(0)  # what came in the same turn of the loop is in the first batch
            while waiting:
                batch = [waiting.popleft() for _ in range(min(len(waiting), BATCH_ITEMS))]
                if self._sizes is not None:
                    self._sizes.observe(len(batch))
                await self._do(key, batch)
        finally:
            del self._waiting[key]

    async def _do(self, key: Key, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        results: Sequence[Result | Exception]
        try:
            results = await in_database(self._work, key, [item for item, _ in batch])
        except Exception as error:
            results = [error] * len(batch)
        for (_, done), result in zip(batch, results, strict=True):
            if done.cancelled():
                continue
            if isinstance(result, Exception):
                done.set_exception(result)
            else:
                done.set_result(result)
