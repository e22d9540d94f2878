"""Joining: how many sockets a second come in, and what each costs in processor and memory."""

import asyncio
from dataclasses import dataclass

from bench import machine
from bench.client import Socket, connect_all
from bench.contestants import DATABASES, Contestant
from bench.figures import Figure
from bench.stage import Crowd, Site, Stage
from bench.usage import Meter, Usage
from bench.wires import Wire

AT_ONCE = 100
WARM_UP_SOCKETS = 200
MEMBERS_PER_ROOM = 100
SETTLE_SECONDS = 3.0


@dataclass(frozen=True)
class Joining:
    """So many sockets, each of one topic, or of a page beside which so many rooms are listed."""

    sockets: int
    database: str
    rooms_each: int = 0

    @property
    def name(self) -> str:
        if not self.rooms_each:
            return f"Joining by one topic, {self.sockets:,} sockets, {DATABASES[self.database]}"
        rooms = f"{self.rooms_each} room{'s' * (self.rooms_each > 1)} each"
        what = f"Joining as a page does, {rooms}, {self.sockets:,} sockets"
        return f"{what}, {DATABASES[self.database]}"

    @property
    def crowd(self) -> Crowd:
        people = self.sockets + WARM_UP_SOCKETS
        each = max(self.rooms_each, 1)
        return Crowd(people, max(people * each // MEMBERS_PER_ROOM, each), each)


@dataclass(frozen=True)
class Span:
    """What it took until the last had joined, and until the last of the others had heard of it."""

    joining: Usage
    in_all: Usage
    bytes_each: float
    lost: int


async def measure(stage: Stage, contestant: Contestant, work: Joining) -> Figure:
    async with stage.site(contestant, work.crowd, database=work.database) as site:
        span = await joined(site, contestant.page if work.rooms_each else contestant.wire)
    values = {
        "joins/s": work.sockets / span.joining.seconds,
        "server CPU a join, ms": span.in_all.milliseconds(work.sockets),
        "memory a socket, KiB": span.bytes_each / 1024,
    }
    notes = [f"{span.lost} sockets were closed"] if span.lost else []
    return Figure(work.name, contestant.name, values, {"": span.joining}, notes)


async def joined(site: Site, wire: Wire | None) -> Span:
    """Let all come in after some have, so that nothing is done for the first time."""
    if wire is None:
        raise RuntimeError("it has no page")
    first, others = site.seats[:WARM_UP_SOCKETS], site.seats[WARM_UP_SOCKETS:]
    sockets = await connect_all(wire, first, site.port, _ignore, AT_ONCE)
    await asyncio.sleep(SETTLE_SECONDS)
    empty, meter = machine.resident_bytes(site.process.pids), Meter(site)
    sockets += await connect_all(wire, others, site.port, _ignore, AT_ONCE)
    joining = meter.read()
    await asyncio.sleep(SETTLE_SECONDS)
    in_all = meter.read()
    each = (machine.resident_bytes(site.process.pids) - empty) / len(others)
    return Span(joining, in_all, each, sum(not socket.open for socket in sockets))


def _ignore(socket: Socket, payload: bytes) -> None:
    """An idle client reads what it is sent and does nothing with it."""
