"""Batching."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from realtime.batching import Batcher
from realtime.protocol import Refusal

pytestmark = pytest.mark.django_db(transaction=True)


async def test_what_waits_for_a_commit_goes_together_into_the_next() -> None:
    batches: list[list[int]] = []
    committing, go_on = threading.Event(), threading.Event()

    def commit(key: str, items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        committing.set()
        go_on.wait(5)
        return [item * 10 for item in items]

    group = Batcher(commit)
    first = asyncio.ensure_future(group.submit("a", 0))
    await asyncio.to_thread(committing.wait, 5)
    rest = [asyncio.ensure_future(group.submit("a", number)) for number in range(1, 6)]
    await asyncio.sleep(0)
    go_on.set()
    assert await asyncio.gather(first, *rest) == [0, 10, 20, 30, 40, 50]
    assert batches == [[0], [1, 2, 3, 4, 5]]


async def test_one_item_s_refusal_is_its_own() -> None:
    def commit(key: str, items: Sequence[int]) -> list[int | Exception]:
        return [ValueError("odd") if item % 2 else item for item in items]

    group: Batcher[str, int, int] = Batcher(commit)
    results = await asyncio.gather(
        *(group.submit("a", number) for number in range(4)), return_exceptions=True
    )
    assert [str(result) for result in results] == ["0", "odd", "2", "odd"]


async def test_a_failed_commit_fails_its_items_and_the_next_goes_on() -> None:
    def commit(key: str, items: Sequence[int]) -> list[int]:
        if 1 in items:
            raise RuntimeError("the database is away")
        return list(items)

    group = Batcher(commit)
    with pytest.raises(RuntimeError):
        await group.submit("a", 1)
    assert await group.submit("a", 2) == 2


async def test_too_much_waiting_is_refused() -> None:
    group: Batcher[str, int, int] = Batcher(lambda key, items: list(items), most_waiting=2)
    results = await asyncio.gather(
        *(group.submit("a", number) for number in range(3)), return_exceptions=True
    )
    assert results[:2] == [0, 1]
    assert isinstance(results[2], Refusal)
