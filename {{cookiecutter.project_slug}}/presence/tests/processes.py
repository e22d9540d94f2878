"""Worker processes of presence, driven over their pipes."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path

import msgspec

from presence.stores import Announcement, Timing
from presence.tests.worker import Json

PROJECT = Path(__file__).parents[2]


class Gone(Exception):
    """The process ended before it answered."""


class WorkerProcess:
    """One `presence.tests.worker`.

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
        command = (sys.executable, "-m", "presence.tests.worker", *self._arguments)
        self._process: Process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, cwd=PROJECT
        )
        self._reading = asyncio.create_task(self._read())
        await self._ready.wait()
        self.running = not self._reading.done()
        assert self.running, "A worker did not start."

    async def join(
        self, tab: str, user: int, rooms: list[str], away: bool, viewing: str | None
    ) -> None:
        await self._make(verb="join", tab=tab, user=user, rooms=rooms, away=away, viewing=viewing)

    async def set_state(self, tab: str, away: bool, viewing: str | None) -> None:
        await self._make(verb="set_state", tab=tab, away=away, viewing=viewing)

    async def leave(self, tab: str) -> None:
        await self._make(verb="leave", tab=tab)

    async def thawed(self) -> None:
        """Wait for as long as it is frozen."""
        await self._thawed.wait()

    async def _make(self, **change: object) -> None:
        """Have it make a change; return when the store has.

        Raises:
            Gone: the process ended first; the change may have been made.
        """
        if self._process.returncode is not None:
            raise Gone
        self._last_id += 1
        done = self._waiting[self._last_id] = asyncio.get_running_loop().create_future()
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"id": self._last_id, **change}).encode() + b"\n")
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
