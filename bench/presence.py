"""What presence costs Redis: joining, leaving, renewing and sweeping, by how many are connected.

`.venv-bench/bin/python -m bench.presence` prints the table. It imports the project as it stands in
the template. Times are those of Redis's processor, which other programs do not disturb; the longest
call is by the clock.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace
from redis.asyncio import Redis

from bench import services

PROJECT = Path(__file__).parents[1] / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))

from presence.attendance import ANNOUNCED_PEOPLE, SWEEP_LIMIT, batches  # noqa: E402
from presence.stores import Timing, Visit  # noqa: E402
from presence.stores.redis import RedisStore  # noqa: E402

SIZES = (100, 10_000, 100_000)
PEOPLE_PER_ROOM = 100
ROOMS_PER_PERSON = 3
CALLS = 50
TIMING = Timing(lease_seconds=3_600, grace_seconds=0)


class Row(NamedTuple):
    connections: int
    join_us: float
    leave_us: float
    beat_us: float
    idle_sweep_us: float
    reap_seconds: float
    longest_ms: float


async def main() -> None:
    async with AsyncExitStack() as stack:
        logs = stack.enter_context(tempfile.TemporaryDirectory())
        url, _ = await stack.enter_async_context(services.redis(Path(logs)))
        print(f"Each connection is in {ROOMS_PER_PERSON} rooms of {PEOPLE_PER_ROOM} people.\n")
        print("| connections | join | leave | beat | idle sweep | reap all | longest call |")
        print("|---|---|---|---|---|---|---|")
        for size in SIZES:
            row = await measured(url, size)
            print(
                f"| {row.connections:,} | {row.join_us:.0f} us | {row.leave_us:.0f} us"
                f" | {row.beat_us:.0f} us | {row.idle_sweep_us:.0f} us"
                f" | {row.reap_seconds:.2f} s | {row.longest_ms:.1f} ms |"
            )


async def measured(url: str, size: int) -> Row:
    store = RedisStore(url, TIMING)
    client = Redis.from_url(url, decode_responses=True)
    await client.flushall()
    await client.config_set("slowlog-log-slower-than", 0)
    await client.config_set("slowlog-max-len", 10_000)
    await store.open("ours")
    await store.open("theirs")
    visits = [Visit(user, rooms_of(user, size)) for user in range(1, size + 1)]
    ends = [replace(visit, ended=True) for visit in visits]

    async with busy(client) as joining:
        await make(store, "ours", visits)
    async with busy(client) as beating:
        for _ in range(CALLS):
            await store.beat("ours")
    async with busy(client) as sweeping:
        for _ in range(CALLS):
            await store.sweep(SWEEP_LIMIT)
    async with busy(client) as leaving:
        await make(store, "ours", ends)
    await sweep_all(store)
    await make(store, "theirs", visits)
    await announce_all(store)
    await store.release("theirs")
    async with busy(client) as reaping:
        await sweep_all(store)
    await announce_all(store)

    await store.close()
    await client.aclose()
    return Row(
        size,
        joining.us / size,
        leaving.us / size,
        beating.us / CALLS,
        sweeping.us / CALLS,
        reaping.us / 1e6,
        max(joining.longest_us, leaving.longest_us, reaping.longest_us) / 1e3,
    )


def rooms_of(user: int, size: int) -> frozenset[str]:
    """Rooms that fill up, each connection's in different company."""
    rooms = max(size // PEOPLE_PER_ROOM, 1)
    return frozenset(
        f"room-{step}-{(user * (step + 1)) % rooms}" for step in range(ROOMS_PER_PERSON)
    )


async def make(store: RedisStore, process: str, visits: Sequence[Visit]) -> None:
    for batch in batches(visits):
        await store.put(process, batch)


async def sweep_all(store: RedisStore) -> None:
    while (await store.sweep(SWEEP_LIMIT)).more:
        pass


async def announce_all(store: RedisStore) -> None:
    await asyncio.sleep(TIMING.window_seconds)
    while await store.announce(ANNOUNCED_PEOPLE):
        pass


class Busy:
    us = 0.0
    longest_us = 0.0


@asynccontextmanager
async def busy(client: "Redis[str]") -> AsyncIterator[Busy]:
    """How much of its core's time Redis takes for a block of code."""
    measured = Busy()
    await client.slowlog_reset()
    before = await cpu_us(client)
    yield measured
    measured.us = await cpu_us(client) - before
    calls = await client.slowlog_get(10_000)
    measured.longest_us = max(call["duration"] for call in calls)


async def cpu_us(client: "Redis[str]") -> float:
    used = await client.info("cpu")
    seconds = used["used_cpu_user_main_thread"] + used["used_cpu_sys_main_thread"]
    return float(seconds) * 1e6


if __name__ == "__main__":
    asyncio.run(main())
