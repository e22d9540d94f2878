"""The reconnect storm: every socket loses its server, and all of them come back at once."""

import asyncio
import time
from dataclasses import replace

from bench.client import Socket, connect, connect_all, until
from bench.contestants import Contestant
from bench.figures import Figure
from bench.reader import PlainReader, Reader, ResumingReader
from bench.scribes import Scribes
from bench.stage import Crowd, Site, Stage
from bench.usage import Meter

MEMBERS_PER_ROOM = 100
COMING_AT_ONCE = 512
WRITE_SECONDS = 2.0
CATCH_UP_SECONDS = 240
SETTLE_SECONDS = 40
ATTEMPTS = 10


class Storm:
    """The sockets of one storm, each with the reader that outlives it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._wire = site.contestant.wire
        self._keeps = site.contestant.is_ours
        make = ResumingReader if self._keeps else PlainReader
        self._readers: list[Reader] = [make() for _ in site.seats]
        self._sockets: list[Socket] = []
        self._scribes = Scribes()
        self._failed = 0

    async def gather(self) -> None:
        """Connect everyone; some write, where messages are kept."""
        self._sockets = await connect_all(self._wire, self._site.seats, self._site.port, self._hear)
        if self._keeps:
            for socket in filter(self._scribes.owns, self._sockets):
                self._scribes.connected(socket)
            await asyncio.sleep(WRITE_SECONDS)

    async def come_back(self) -> None:
        """Reconnect everyone, and wait until the last one has caught up."""
        waiting = iter(self._site.seats)
        self._sockets = []

        async def worker() -> None:
            for seat in waiting:
                await self._reconnect(seat.index)

        async with asyncio.timeout(CATCH_UP_SECONDS), asyncio.TaskGroup() as group:
            for _ in range(COMING_AT_ONCE):
                group.create_task(worker())
        caught_up = await until(
            lambda: all(reader.caught_up() for reader in self._readers), CATCH_UP_SECONDS
        )
        if not caught_up:
            raise RuntimeError(f"not everyone caught up within {CATCH_UP_SECONDS} s")

    async def settle(self) -> int:
        """Let the writers end; return how many deliveries of what was acknowledged never came."""
        self._scribes.stop()
        await until(lambda: self._scribes.idle, SETTLE_SECONDS)
        await until(lambda: not self._missing(), SETTLE_SECONDS)
        return self._missing()

    @property
    def errors(self) -> int:
        lost = sum(not socket.open for socket in self._sockets)
        return self._failed + lost + sum(reader.errors for reader in self._readers)

    def _hear(self, socket: Socket, payload: bytes) -> None:
        self._readers[socket.seat.index].hear(socket, payload)
        if self._keeps and self._scribes.owns(socket):
            self._scribes.hear(socket, payload)

    async def _reconnect(self, index: int) -> None:
        for _ in range(ATTEMPTS):
            seat = replace(self._site.seats[index], resume=self._readers[index].resume())
            try:
                socket = await connect(self._wire, seat, self._site.port, self._hear)
            except Exception:
                self._failed += 1
                await asyncio.sleep(0.1)
            else:
                self._sockets.append(socket)
                if self._keeps and self._scribes.owns(socket):
                    self._scribes.connected(socket)
                return

    def _missing(self) -> int:
        return sum(
            text not in reader.seen
            for seat, reader in zip(self._site.seats, self._readers, strict=True)
            if isinstance(reader, ResumingReader)
            for text in self._scribes.acknowledged[seat.room]
        )


async def measure(stage: Stage, contestant: Contestant, sockets: int) -> Figure:
    crowd = Crowd(sockets, max(1, sockets // MEMBERS_PER_ROOM))
    async with stage.site(contestant, crowd) as site:
        storm = Storm(site)
        await storm.gather()
        killed = time.perf_counter()
        await site.process.kill()
        await site.restart()
        up, meter = time.perf_counter(), Meter(site)
        await storm.come_back()
        usage = meter.read()
        missing, errors = await storm.settle(), storm.errors
    values = {
        "sockets back/s": sockets / usage.seconds,
        "server CPU a join, ms": usage.milliseconds(sockets),
        "restart, s": up - killed,
    }
    kept = f"{missing} lost" if contestant.is_ours else "keeps no messages"
    work = f"Reconnect storm of {sockets:,}, by one topic, SQLite"
    return Figure(work, contestant.name, values, {"": usage}, [f"{errors} errors", kept])
