"""Durable messages per second, each acknowledged to its sender, and how long that takes."""

import asyncio
import time
from dataclasses import dataclass

from bench.client import Socket, connect_all
from bench.contestants import Contestant
from bench.fanout import TEXT, WARM_UP_SECONDS
from bench.figures import Figure
from bench.stage import Crowd, Stage
from bench.usage import Meter

IN_FLIGHT = 100
DATABASES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


@dataclass(frozen=True)
class Setting:
    """Who writes where; both settings have the same number of messages under way."""

    name: str
    writers: int
    rooms: int


HOT = Setting("one hot room", writers=50, rooms=1)
SPREAD = Setting("100 rooms", writers=100, rooms=100)


@dataclass(frozen=True)
class Writing:
    setting: Setting
    database: str
    seconds: float


class Writers:
    """Keeps a number of unacknowledged messages under way from each socket, and times each one."""

    def __init__(self) -> None:
        self.sent = 0
        self.measuring = False
        self.waits: list[float] = []
        self.running = True
        self.other = b""
        self._pending: dict[str, tuple[Socket, float]] = {}

    def hear(self, socket: Socket, payload: bytes) -> None:
        text = socket.wire.acknowledged(payload)
        if text is None:
            self.other = payload
            return
        sender, since = self._pending.get(text, (None, 0.0))
        if sender is not socket:
            return
        del self._pending[text]
        if self.measuring:
            self.waits.append(time.perf_counter() - since)
        if self.running:
            self.write(socket)

    def write(self, socket: Socket) -> None:
        text = f"{socket.seat.index}.{self.sent}: {TEXT}"
        self.sent += 1
        self._pending[text] = socket, time.perf_counter()
        socket.send(socket.wire.message(text))


async def measure(stage: Stage, contestant: Contestant, work: Writing) -> Figure:
    setting = work.setting
    crowd = Crowd(setting.writers, setting.rooms)
    async with stage.site(contestant, crowd, database=work.database) as site:
        writers = Writers()
        sockets = await connect_all(contestant.wire, site.seats, site.port, writers.hear)
        for socket in sockets * (IN_FLIGHT // setting.writers):
            writers.write(socket)
        await asyncio.sleep(WARM_UP_SECONDS)
        writers.measuring, meter = True, Meter(site.process)
        await asyncio.sleep(work.seconds)
        usage = meter.read()
        writers.running = writers.measuring = False
    if not writers.waits:
        raise RuntimeError(f"no message was acknowledged; last heard: {writers.other!r}")
    return Figure(
        work=f"Durable messages into {setting.name}, {DATABASES[work.database]}",
        contestant=contestant,
        value=len(writers.waits) / usage.seconds,
        unit="acknowledged/s",
        usage=usage,
        baselines=("tutorial-daphne-orm", "tutorial-uvicorn-orm"),
        notes=(f"acknowledged in p50 {_wait(writers, 0.5)}, p99 {_wait(writers, 0.99)}",),
    )


def _wait(writers: Writers, quantile: float) -> str:
    waits = sorted(writers.waits)
    return f"{waits[int(len(waits) * quantile)] * 1e3:.1f} ms" if waits else "never"
