"""Worker processes of presence for tests that kill them, driven over their pipes.

A worker reads visits as lines of JSON, answers each with `{"done": id}` once the store has it, and
writes what it announces.
"""

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from presence.attendance import Attendance
from presence.stores import Announcement, StoreUnavailable, Timing, Visit
from presence.stores.redis import RedisStore

Json = dict[str, Any]  # Any: JSON

PROJECT = Path(__file__).parents[2]


class Order(msgspec.Struct):
    id: int
    visit: Visit


class Gone(Exception):
    """The process ended before it answered."""


class WorkerProcess:
    """A worker, as the test sees it.

    Args:
        heard: called with whatever it announces.
        ahead: by how many seconds its clock is.
    """

    def __init__(
        self, url: str, timing: Timing, heard: Callable[[Announcement], None], ahead: float = 0
    ) -> None:
        self._arguments = (url, msgspec.json.encode(timing).decode(), str(ahead))
        self._heard = heard
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._last_id = 0
        self._ready = asyncio.Event()
        self._thawed = asyncio.Event()
        self._thawed.set()
        self.running = False

    async def start(self) -> None:
        command = (sys.executable, "-m", "presence.tests.processes", *self._arguments)
        self._process: Process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, cwd=PROJECT
        )
        self._reading = asyncio.create_task(self._read())
        await self._ready.wait()
        self.running = not self._reading.done()
        assert self.running, "A worker did not start."

    async def thawed(self) -> None:
        """Wait for as long as it is frozen."""
        await self._thawed.wait()

    async def put(self, visit: Visit) -> None:
        """Have it put a visit; return when the store has it.

        Raises:
            Gone: the process ended first; the store may have it.
        """
        if self._process.returncode is not None:
            raise Gone
        self._last_id += 1
        done = self._waiting[self._last_id] = asyncio.get_running_loop().create_future()
        assert self._process.stdin
        self._process.stdin.write(msgspec.json.encode(Order(self._last_id, visit)) + b"\n")
        await done

    def kill(self) -> None:
        self.running = False
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        self.running = False
        self._thawed.clear()
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)
        self._thawed.set()
        self.running = True

    async def end(self) -> None:
        """Kill it if it runs, and wait until nothing is left of it."""
        if self._process.returncode is None:
            self.kill()
        await self._reading
        await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    async def _read(self) -> None:
        assert self._process.stdout
        while (line := await self._process.stdout.readline()).endswith(b"\n"):
            self._take(json.loads(line))
        self._ready.set()
        for done in self._waiting.values():
            done.set_exception(Gone())
            done.exception()  # nobody may be waiting any more
        self._waiting.clear()

    def _take(self, message: Json) -> None:
        if "done" in message:
            self._waiting.pop(message["done"]).set_result(None)
        elif "heard" in message:
            self._heard(msgspec.convert(message["heard"], Announcement, strict=False))
        else:
            self._ready.set()


# In the worker


async def work(url: str, timing: Timing) -> None:
    attendance = Attendance(RedisStore(url, timing), announce, nobody_hides)
    lines = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(lines)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)

    async def put(order: Order) -> None:
        with suppress(StoreUnavailable):  # made good later
            await attendance.put(order.visit)
        write({"done": order.id})

    write({"ready": True})
    async with asyncio.TaskGroup() as tasks:
        while line := await lines.readline():
            tasks.create_task(put(msgspec.json.decode(line, type=Order)))


async def announce(announcements: Sequence[Announcement]) -> None:
    for announcement in announcements:
        write({"heard": msgspec.to_builtins(announcement, str_keys=True)})


async def nobody_hides(users: Collection[int]) -> dict[int, int]:
    return {}


def write(message: Json) -> None:
    print(json.dumps(message), flush=True)


def set_clock_ahead(seconds: float) -> None:
    right = time.time
    time.time = lambda: right() + seconds


if __name__ == "__main__":
    url, timing, ahead = sys.argv[1:]
    set_clock_ahead(float(ahead))
    asyncio.run(work(url, msgspec.json.decode(timing, type=Timing)))
