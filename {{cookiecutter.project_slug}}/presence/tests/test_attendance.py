"""One process's connections, from the first to some time after the last."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence

import pytest
import pytest_asyncio

from presence.attendance import Attendance
from presence.lease import Visit
from presence.stores import Announcement, State, StoreUnavailable, Timing
from presence.stores.memory import MemoryStore

TIMING = Timing(grace_seconds=0.05, window_seconds=0.01, sweep_seconds=0.01)
PATIENCE_SECONDS = 10

heard: list[Announcement] = []


async def hear(announcements: Sequence[Announcement]) -> None:
    heard.extend(announcements)


async def nobody_hides(users: Collection[int]) -> dict[int, int]:
    return {}


@pytest_asyncio.fixture
async def attendance() -> AsyncIterator[Attendance]:
    heard.clear()
    attendance = Attendance(MemoryStore(TIMING), hear, nobody_hides)
    yield attendance
    await attendance.stop()


async def test_it_ends_by_itself_when_the_last_ones_leave_was_announced(
    attendance: Attendance,
) -> None:
    visit = Visit(7, ["hall"])
    await attendance.join(visit)
    await attendance.leave(visit)

    async with asyncio.timeout(PATIENCE_SECONDS):
        while not attendance.ended:
            await asyncio.sleep(0.01)

    assert heard[-1].people == {7: State.OFFLINE}


async def test_a_visit_counts_in_the_rooms_that_it_enters_until_it_is_withdrawn(
    attendance: Attendance,
) -> None:
    visit = Visit(7, ["hall"])
    await attendance.join(visit)

    await attendance.enter(visit, {"den"})
    hall, den = await attendance.store.rosters(["hall", "den"], limit=10)
    assert (hall.size, den.size) == (1, 1)
    await attendance.withdraw(visit, {"hall"})
    async with asyncio.timeout(PATIENCE_SECONDS):
        while hall.size:
            await asyncio.sleep(0.01)
            hall, den = await attendance.store.rosters(["hall", "den"], limit=10)

    assert den.size == 1


async def test_a_visit_views_one_topic_at_a_time_until_it_leaves(attendance: Attendance) -> None:
    visit = Visit(7, viewing="chat:hall")
    store = attendance.store
    assert isinstance(store, MemoryStore)
    topics = ["chat:hall", "chat:den"]

    await attendance.join(visit)
    assert store.viewers(topics) == {(7, "chat:hall")}
    await attendance.set_state(visit, away=False, viewing="chat:den")
    assert store.viewers(topics) == {(7, "chat:den")}
    await attendance.leave(visit)

    assert store.viewers(topics) == set()


async def test_leaving_without_having_joined_is_harmless(attendance: Attendance) -> None:
    await attendance.leave(Visit(7, ["hall"]))


async def test_nobody_waits_for_a_process_that_has_ended(attendance: Attendance) -> None:
    visit = Visit(7, ["hall"])
    await attendance.join(visit)

    await attendance.stop()

    with pytest.raises(StoreUnavailable):
        await attendance.leave(visit)
