"""Batching."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from django.db import IntegrityError, OperationalError

from realtime import batching
from realtime.batching import Batcher
from realtime.protocol import Refusal

pytestmark = pytest.mark.django_db(transaction=True)


async def test_what_waits_for_a_commit_goes_together_into_the_next() -> None:
    batches: list[list[int]] = []
    committing, go_on = threading.Event(), threading.Event()

    def commit(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        committing.set()
        go_on.wait(5)
        return [item * 10 for item in items]

    group = Batcher(commit)
    first = asyncio.ensure_future(group.submit(0))
    await asyncio.to_thread(committing.wait, 5)
    rest = [asyncio.ensure_future(group.submit(number)) for number in range(1, 6)]
    await asyncio.sleep(0)
    go_on.set()
    assert await asyncio.gather(first, *rest) == [0, 10, 20, 30, 40, 50]
    assert batches == [[0], [1, 2, 3, 4, 5]]


async def test_one_item_s_refusal_is_its_own() -> None:
    def commit(items: Sequence[int]) -> list[int | Exception]:
        return [ValueError("odd") if item % 2 else item for item in items]

    group: Batcher[int, int] = Batcher(commit)
    results = await asyncio.gather(
        *(group.submit(number) for number in range(4)), return_exceptions=True
    )
    assert [str(result) for result in results] == ["0", "odd", "2", "odd"]


async def test_a_failed_commit_fails_its_items_and_the_next_goes_on() -> None:
    def commit(items: Sequence[int]) -> list[int]:
        if 1 in items:
            raise RuntimeError("the database is away")
        return list(items)

    group = Batcher(commit)
    with pytest.raises(RuntimeError):
        await group.submit(1)
    assert await group.submit(2) == 2


async def test_an_item_that_breaks_a_constraint_fails_alone() -> None:
    batches: list[list[int]] = []

    def commit(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        if 2 in items:
            raise IntegrityError("a row that it refers to is gone")
        return list(items)

    group = Batcher(commit)
    results = await asyncio.gather(
        *(group.submit(number) for number in (1, 2, 3)), return_exceptions=True
    )
    assert (results[0], results[2]) == (1, 3)
    assert isinstance(results[1], IntegrityError)
    assert batches == [[1, 2, 3], [1], [2, 3], *[[2]] * 5, [3]]


async def test_an_item_that_meets_a_row_as_it_goes_is_tried_again() -> None:
    races = iter([True, True, True, False])

    def commit(items: Sequence[int]) -> list[int]:
        if next(races):
            raise IntegrityError("a row that it refers to is gone")
        return list(items)

    assert await Batcher(commit).submit(1) == 1


async def test_one_item_at_fault_in_a_crowd_fails_alone_after_few_calls() -> None:
    calls = 0

    def read(items: Sequence[int]) -> list[int]:
        nonlocal calls
        calls += 1
        if 70 in items:
            raise LookupError("a fault of what is read for 70")
        return list(items)

    group = Batcher(read)
    results = await asyncio.gather(
        *(group.submit(number) for number in range(100)), return_exceptions=True
    )

    assert [number for number in range(100) if results[number] != number] == [70]
    assert isinstance(results[70], LookupError)
    assert calls < 20


async def test_a_database_that_is_away_is_not_asked_for_each_item() -> None:
    calls = 0

    def read(items: Sequence[int]) -> list[int]:
        nonlocal calls
        calls += 1
        raise OperationalError("no connection")

    group = Batcher(read)
    results = await asyncio.gather(*map(group.submit, range(3)), return_exceptions=True)

    assert [type(result) for result in results] == [OperationalError] * 3
    assert calls == 1


def test_it_works_on_after_a_loop_that_ended_before_its_first_batch() -> None:
    async def read(items: Sequence[int]) -> list[int]:
        return list(items)

    group: Batcher[int, int] = Batcher(read)
    begun: list[asyncio.Task[int]] = []

    async def leave() -> None:
        begun.append(asyncio.create_task(group.submit(1)))

    async def come_back() -> int:
        async with asyncio.timeout(5):
            return await group.submit(2)

    asyncio.run(leave())
    assert begun[0].cancelled()
    assert asyncio.run(come_back()) == 2


async def test_too_much_waiting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "WAITING_ITEMS", 2)
    group: Batcher[int, int] = Batcher(lambda items: list(items))
    results = await asyncio.gather(
        *(group.submit(number) for number in range(3)), return_exceptions=True
    )
    assert results[:2] == [0, 1]
    assert isinstance(results[2], Refusal)


async def test_a_batch_that_waits_for_a_lock_holds_up_its_own_keys_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "SLOW_SECONDS", 0.05)
    locked = threading.Event()

    def commit(items: Sequence[str]) -> list[str]:
        if "locked" in items:
            assert locked.wait(5)
        return list(items)

    group = Batcher(commit, key=lambda item: item.strip("1234"))
    waiting = asyncio.create_task(group.submit("locked"))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(group.submit(item)) for item in ("a1", "locked2", "b")]
    assert await others[0] == "a1"
    assert await others[2] == "b"
    assert not waiting.done()
    assert not others[1].done()
    locked.set()
    assert [await waiting, await others[1]] == ["locked", "locked2"]


async def test_each_key_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[list[str]] = []

    def commit(items: Sequence[str]) -> list[str]:
        batches.append(list(items))
        return list(items)

    monkeypatch.setattr(batching, "BATCH_ITEMS", 3)
    group = Batcher(commit, key=lambda item: item[0])
    await asyncio.gather(*(group.submit(item) for item in ("a1", "a2", "a3", "a4", "b1")))
    assert batches == [["a1", "a2", "a3"], ["b1", "a4"]] or batches[1][0] == "b1"


async def test_a_crowd_lingers_and_a_single_item_does_not_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches: list[list[int]] = []

    def read(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        return list(items)

    monkeypatch.setattr(batching, "LINGER_SECONDS", 60)
    group = Batcher(read, linger=True)
    async with asyncio.timeout(20):
        for number in (1, 2):
            await group.submit(number)
    monkeypatch.setattr(batching, "LINGER_SECONDS", 0.1)
    await asyncio.gather(group.submit(3), group.submit(4))
    latecomers = [asyncio.create_task(group.submit(5))]
    for _ in range(10):  # turns of the loop, in any of which a batch could begin
        await asyncio.sleep(0)
    latecomers.append(asyncio.create_task(group.submit(6)))
    await asyncio.gather(*latecomers)
    assert batches == [[1], [2], [3, 4], [5, 6]]


async def test_work_that_needs_no_database_may_be_a_coroutine() -> None:
    batches: list[list[int]] = []

    async def ask(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        return [item * 10 for item in items]

    group = Batcher(ask)
    assert list(await asyncio.gather(group.submit(1), group.submit(2))) == [10, 20]
    assert batches == [[1, 2]]
