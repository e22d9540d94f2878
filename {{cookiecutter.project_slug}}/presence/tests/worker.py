"""A process of presence, for tests that kill it.

Reads changes as lines of JSON, answers each with `{"done": id}` once the store has made it, and
writes what it announces.
"""

import asyncio
import json
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from presence.attendance import Attendance
from presence.lease import Visit
from presence.stores import Announcement, StoreUnavailable, Timing
from presence.stores.redis import RedisStore

Json = dict[str, Any]  # Any: JSON


class Worker:
    def __init__(self, url: str, timing: Timing) -> None:
        self.attendance = Attendance(RedisStore(url, timing), announce, nobody_hides)
        self.visits: dict[str, Visit] = {}

    async def run(self) -> None:
        lines = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(lines)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        write({"ready": True})
        async with asyncio.TaskGroup() as tasks:
            while line := await lines.readline():
                tasks.create_task(self.make(json.loads(line)))

    async def make(self, change: Json) -> None:
        with suppress(StoreUnavailable):  # made good later
            await self._make(change)
        write({"done": change["id"]})

    async def _make(self, change: Json) -> None:
        tab = change["tab"]
        match change["verb"]:
            case "join":
                self.visits[tab] = Visit(
                    change["user"],
                    change["rooms"],
                    away=change["away"],
                    viewing=change["viewing"],
                )
                await self.attendance.join(self.visits[tab])
            case "set_state":
                await self.attendance.set_state(
                    self.visits[tab], away=change["away"], viewing=change["viewing"]
                )
            case "leave":
                await self.attendance.leave(self.visits.pop(tab))


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


async def main(url: str, timing: str, ahead: str) -> None:
    set_clock_ahead(float(ahead))
    await Worker(url, msgspec.json.decode(timing, type=Timing)).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
