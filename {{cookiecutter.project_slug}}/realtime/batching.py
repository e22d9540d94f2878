"""Group commit: work that arrives while a transaction is open goes together into the next one."""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from realtime.database import in_database
from realtime.protocol import ErrorCode, Refusal

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH_ITEMS = 100
WAITING_ITEMS = 2_000


class GroupCommit(Generic[Key, Item, Result]):
    """One writer per key; what waits for it is committed as one batch.

    Args:
        commit: synchronous; does a key's items in one transaction and returns, in their order, a
            result or the exception to raise for each.
    """

    def __init__(
        self, commit: Callable[[Key, Sequence[Item]], Sequence[Result | Exception]]
    ) -> None:
        self._commit = commit
        self._waiting: dict[Key, deque[tuple[Item, asyncio.Future[Result]]]] = {}
        self._writers: set[asyncio.Task[None]] = set()

    async def submit(self, key: Key, item: Item) -> Result:
        """Commit `item` with the next batch of its key; return its result.

        Items of one key are committed in the order of their submission.

        Raises:
            Refusal: `unavailable`, too much waits already.
            Exception: what `commit` gave for this item, or raised for its batch.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = deque()
            writer = asyncio.create_task(self._write(key, waiting))
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        if len(waiting) >= WAITING_ITEMS:
            raise Refusal(
                ErrorCode.UNAVAILABLE, "Too much is waiting to be saved. Try again.", retry_after=1
            )
        waiting.append((item, done))
        return await done

    async def _write(self, key: Key, waiting: deque[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            await asyncio.sleep(0)  # what came in the same turn of the loop is in the first batch
            while waiting:
                batch = [waiting.popleft() for _ in range(min(len(waiting), BATCH_ITEMS))]
                await self._commit_batch(key, batch)
        finally:
            del self._waiting[key]

    async def _commit_batch(
        self, key: Key, batch: list[tuple[Item, asyncio.Future[Result]]]
    ) -> None:
        results: Sequence[Result | Exception]
        try:
            results = await in_database(self._commit, key, [item for item, _ in batch])
        except Exception as error:
            results = [error] * len(batch)
        for (_, done), result in zip(batch, results, strict=True):
            if done.cancelled():
                continue
            if isinstance(result, Exception):
                done.set_exception(result)
            else:
                done.set_result(result)
