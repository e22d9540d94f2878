"""What presence costs: joining, leaving, renewing and sweeping, by how many connections there are.

`python -m bench.presence` prints the tables. It starts a Redis of its own and imports the project
as it stands in the template, so it takes a Python that has the project's packages, such as
`.venv-bake/bin/python`. Times are the processor's in Redis, which other programs do not disturb;
the longest call is by the clock.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from socket import create_connection, socket
from typing import NamedTuple

from msgspec.structs import replace
from redis.asyncio import Redis

PROJECT = Path(__file__).parents[1] / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))

from presence.attendance import (  # noqa: E402
    ANNOUNCED_PEOPLE,
    SWEEP_LIMIT,
    Attendance,
    batches,
)
from presence.stores import Announcement, Timing, Visit  # noqa: E402
from presence.stores.redis import RedisStore, RedisViewers  # noqa: E402

SIZES = (100, 10_000, 100_000)
PEOPLE_PER_ROOM = 100
ROOMS_PER_PERSON = 3
CALLS = 50
ARRIVALS = 1_000
VIEWS = (1, 100, 10_000)
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
    with redis_server() as url:
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
        print(f"\n{await arrivals_on_the_wire(url)}")
        print(f"\n{await viewers_of_a_topic(url)}")


async def measured(url: str, size: int) -> Row:
    store = RedisStore(url, TIMING)
    client = Redis.from_url(url, decode_responses=True)
    await client.flushall()
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


async def arrivals_on_the_wire(url: str) -> str:
    """How many frames everyone in a room gets when a thousand people come within a second."""
    sizes: list[int] = []
    all_heard = asyncio.Event()
    began = time.monotonic()
    heard_at = began

    async def tell(announcements: Sequence[Announcement]) -> None:
        nonlocal heard_at
        heard_at = time.monotonic()
        sizes.extend(len(announcement.people) for announcement in announcements)
        if sum(sizes) >= ARRIVALS:
            all_heard.set()

    async def nobody_hides(users: Sequence[int]) -> dict[int, int]:
        return {}

    store = RedisStore(url, Timing())
    attendance = Attendance(store, tell, nobody_hides)
    for user in range(1, ARRIVALS + 1):
        await asyncio.sleep(max(0, began + user / ARRIVALS - time.monotonic()))
        await attendance.put(Visit(user, frozenset(["plaza"])))
    joined_at = time.monotonic()
    await all_heard.wait()
    await attendance.stop()
    return (
        f"{ARRIVALS:,} people who came to one room within {joined_at - began:.2f} s were announced"
        f" in {len(sizes)} frames of at most {max(sizes)} people,"
        f" the last {heard_at - joined_at:.2f} s after the last of them."
    )


async def viewers_of_a_topic(url: str) -> str:
    """How long it takes to read who views one topic."""
    took = []
    for views in VIEWS:
        store = RedisStore(url, TIMING)
        process = f"viewed by {views}"
        await store.open(process)
        await make(store, process, [Visit(user, viewing="plaza") for user in range(views)])
        viewers = RedisViewers(url)
        viewers.read(["plaza"])
        began = time.perf_counter()
        for _ in range(CALLS):
            assert len(viewers.read(["plaza"])) == views
        took.append((time.perf_counter() - began) / CALLS * 1e3)
        await store.release(process)
        await store.close()
    return "; ".join(
        f"who views a topic that {views:,} people view is read in {ms:.2f} ms"
        for views, ms in zip(VIEWS, took, strict=True)
    )


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


@contextmanager
def redis_server() -> Iterator[str]:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ("--bind", "127.0.0.1", "--save", "", "--slowlog-log-slower-than", "0")
    command = ("redis-server", "--port", str(port), *options, "--slowlog-max-len", "10000")
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        try:
            wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait()


def wait_for(port: int) -> None:
    for _ in range(200):
        try:
            create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise SystemExit("redis-server did not start.")


if __name__ == "__main__":
    asyncio.run(main())
