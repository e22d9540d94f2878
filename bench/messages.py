"""Durable messages: how many a second, and how long until the others in the room have them."""

import asyncio
import operator
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bench.client import Socket, connect_all, until
from bench.contestants import DATABASES, Contestant
from bench.fanout import TEXT, WARM_UP_SECONDS
from bench.figures import Figure
from bench.stage import Crowd, Site, Stage
from bench.usage import Meter, Usage

DRAIN_SECONDS = 5.0
NUMBER = re.compile(rb"~(\d+)~")


@dataclass(frozen=True)
class Setting:
    """Who writes where, and how fast: without a rate, as fast as messages are acknowledged."""

    name: str
    members: int
    writers: int
    rooms: int = 1
    in_flight: int = 1
    """Of each writer."""
    rate: int = 0
    """Messages a second, over all writers."""

    @property
    def crowd(self) -> Crowd:
        return Crowd(self.members, self.rooms)


HOT = Setting("one room of 50, all write", members=50, writers=50, in_flight=2)
SPREAD = Setting("100 rooms of 10, one writes in each", members=1_000, writers=100, rooms=100)
PACED_CROWD = Setting("20 a second into one room of 1,000", members=1_000, writers=20, rate=20)
PACED_ROOMS = Setting(
    "100 a second over 100 rooms of 10", members=1_000, writers=100, rooms=100, rate=100
)
SENDER = Setting("one sender, 50 in flight", members=1_000, writers=1, in_flight=50)
SENDER_ROOMS = (10, 200, 1_000)


@dataclass(frozen=True)
class Writing:
    setting: Setting
    database: str
    seconds: float

    @property
    def name(self) -> str:
        return f"Durable messages, {self.setting.name}, {DATABASES[self.database]}"


@dataclass
class Sent:
    """One message on its way."""

    sender: Socket
    at: float
    acked_at: float = 0.0
    heard: list[float] = field(default_factory=list)
    """When it reached each of the others in the room who note it."""


class Writers:
    """Writes, and notes when each message was acknowledged and when it reached whom."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.counted = 0
        """How often one of those who only count has heard a message."""
        self.other = b""
        self._follows_up = False

    def hear(self, socket: Socket, payload: bytes) -> None:
        found = NUMBER.search(payload)
        if found is None:
            self.other = payload
            return
        sent = self.sent[int(found[1])]
        if sent.sender is not socket:
            if socket.wire.event in payload:
                sent.heard.append(time.perf_counter())
        elif socket.wire.ack in payload and not sent.acked_at:
            sent.acked_at = time.perf_counter()
            if self._follows_up:
                self.write(socket)

    def count(self, socket: Socket, payload: bytes) -> None:
        """Hear as one of many, at a fraction of what `hear` costs the load."""
        if socket.wire.event in payload:
            self.counted += 1

    def write(self, socket: Socket) -> None:
        text = f"~{len(self.sent)}~ {TEXT}"
        self.sent.append(Sent(socket, time.perf_counter()))
        socket.send(socket.wire.message(text))

    def saturate(self, sockets: Sequence[Socket], in_flight: int) -> None:
        self._follows_up = True
        for socket in list(sockets) * in_flight:
            self.write(socket)

    async def pace(self, sockets: Sequence[Socket], rate: int) -> None:
        began = time.perf_counter()
        for number in range(2**31):
            await asyncio.sleep(began + number / rate - time.perf_counter())
            self.write(sockets[number % len(sockets)])

    def stop(self) -> None:
        self._follows_up = False


@dataclass(frozen=True)
class Span:
    """What was written while it was measured."""

    usage: Usage
    acked: int
    """How many messages were acknowledged in it."""
    sent: list[Sent]
    """These, or at a pace those that were sent in it."""
    missing: int
    """Deliveries that never came."""


async def measure(stage: Stage, contestant: Contestant, work: Writing) -> Figure:
    setting = work.setting
    async with stage.site(contestant, setting.crowd, database=work.database) as site:
        span = await written(site, setting, work.seconds)
    waits = sorted(heard - each.at for each in span.sent for heard in each.heard)
    lags = sorted(max(each.heard) - each.acked_at for each in span.sent if each.heard)
    values = {
        "messages/s": span.acked / span.usage.seconds,
        "delivered, p50 ms": quantile(waits, 0.5) * 1e3,
        "delivered, p99 ms": quantile(waits, 0.99) * 1e3,
    }
    if not setting.rate:
        values["last delivery after the ack, p50 ms"] = quantile(lags, 0.5) * 1e3
        values["last delivery after the ack, p99 ms"] = quantile(lags, 0.99) * 1e3
    values["server CPU, % of a core"] = span.usage.server * 100
    values["server CPU a message, ms"] = span.usage.milliseconds(span.acked)
    notes = [f"{span.missing} deliveries missing"] if span.missing else []
    usages = {"": span.usage}
    return Figure(work.name, contestant.name, values, usages, notes, paced=setting.rate > 0)


async def measure_sender(stage: Stage, contestant: Contestant, work: Writing) -> Figure:
    """One person's socket has many messages in flight, while more and more others hear them."""
    values: dict[str, float] = {}
    usages: dict[str, Usage] = {}
    notes: list[str] = []
    async with stage.site(contestant, work.setting.crowd, database=work.database) as site:
        writers = Writers()
        sockets: list[Socket] = []
        for size in SENDER_ROOMS:
            seats = site.seats[len(sockets) : size]
            hear = writers.count if sockets else writers.hear
            sockets += await connect_all(contestant.wire, seats, site.port, hear)
            span = await _written(
                site, writers, sockets, replace(work.setting, members=size), work.seconds
            )
            room = f"room of {size:,}"
            values[f"{room}: messages/s"] = span.acked / span.usage.seconds
            usages[room] = span.usage
            heard = [each.heard[:1] for each in span.sent]
            late = sum(map(operator.gt, heard, heard[1:]))
            if late:
                notes.append(f"{room}: {late} out of order")
            if span.missing:
                notes.append(f"{room}: {span.missing} deliveries missing")
    return Figure(work.name, contestant.name, values, usages, notes)


async def written(site: Site, setting: Setting, seconds: float) -> Span:
    writers = Writers()
    sockets = await connect_all(site.contestant.wire, site.seats, site.port, writers.hear)
    return await _written(site, writers, sockets, setting, seconds)


async def _written(
    site: Site, writers: Writers, sockets: list[Socket], setting: Setting, seconds: float
) -> Span:
    sockets.sort(key=lambda socket: socket.seat.index)  # the first are in rooms of their own
    first, speaking = len(writers.sent), sockets[: setting.writers]
    counting = sum(socket.hear == writers.count for socket in sockets)
    counted = writers.counted
    pacing = None
    if setting.rate:
        pacing = asyncio.create_task(writers.pace(speaking, setting.rate))
    else:
        writers.saturate(speaking, setting.in_flight)
    await asyncio.sleep(min(WARM_UP_SECONDS, seconds))
    began, meter = time.perf_counter(), Meter(site)
    await asyncio.sleep(seconds)
    usage, ended = meter.read(), time.perf_counter()
    writers.stop()
    if pacing:
        pacing.cancel()
    others = setting.members // setting.rooms - 1 - counting
    new = writers.sent[first:]

    def uncounted() -> int:
        acked = sum(each.acked_at > 0 for each in new)  # the others are still on their way
        return counting * acked - (writers.counted - counted)

    await until(
        lambda: uncounted() <= 0 and all(len(each.heard) >= others for each in new), DRAIN_SECONDS
    )
    acked = [each for each in new if began <= each.acked_at < ended]
    sent = [each for each in new if began <= each.at < ended] if setting.rate else acked
    if not any(each.heard for each in sent):
        raise RuntimeError(f"no message came through; last heard: {writers.other!r}")
    missing = sum(others - len(each.heard) for each in sent) + max(uncounted(), 0)
    return Span(usage, len(acked), sent, missing)


def quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[int(len(ordered) * share)] if ordered else 0.0
