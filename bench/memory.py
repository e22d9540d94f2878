"""Memory of the server for each idle socket that is signed in."""

import asyncio

from bench import machine
from bench.client import Socket, connect_all
from bench.contestants import Contestant
from bench.figures import Figure
from bench.stage import Crowd, Stage
from bench.usage import Meter

WARM_UP_SOCKETS = 200
MEMBERS_PER_ROOM = 100
SETTLE_SECONDS = 3


async def measure(stage: Stage, contestant: Contestant, sockets: int) -> Figure:
    people = sockets + WARM_UP_SOCKETS
    async with stage.site(contestant, Crowd(people, people // MEMBERS_PER_ROOM)) as site:
        wire, pids = contestant.wire, site.process.pids
        first = await connect_all(wire, site.seats[:WARM_UP_SOCKETS], site.port, _ignore)
        await asyncio.sleep(SETTLE_SECONDS)
        empty, meter = machine.resident_bytes(pids), Meter(site.process)
        more = await connect_all(wire, site.seats[WARM_UP_SOCKETS:], site.port, _ignore)
        usage = meter.read()
        await asyncio.sleep(SETTLE_SECONDS)
        full = machine.resident_bytes(pids)
        lost = sum(not socket.open for socket in first + more)
    notes: tuple[str, ...] = (f"{full / 2**20:,.0f} MiB in all",)
    if lost:
        notes += (f"{lost} sockets were closed",)
    return Figure(
        work=f"Memory of an idle socket, {sockets:,} of them in rooms of {MEMBERS_PER_ROOM}",
        contestant=contestant,
        value=(full - empty) / sockets / 1024,
        unit="KiB a socket",
        usage=usage,
        baselines=(f"tutorial-{contestant.server}-auth",),
        notes=notes,
    )


def _ignore(socket: Socket, payload: bytes) -> None:
    """An idle client reads what it is sent and does nothing with it."""
