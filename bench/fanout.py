"""Fan-out: deliveries per second to all members of one room."""

import asyncio
import itertools
from dataclasses import dataclass, replace

from bench.client import Socket, connect_all
from bench.contestants import Contestant
from bench.figures import Figure
from bench.machine import LOAD_CORE, SERVER_CORE
from bench.nap import napping
from bench.stage import Crowd, Site, Stage
from bench.usage import Meter

WARM_UP_SECONDS = 1.0
SETTLE_SECONDS = 0.5
DRAIN_SECONDS = 30
MOST_UNDER_WAY = 16
MOST_SECONDS_UNDER_WAY = 2.0
NAP_SECONDS_PER_MEMBER = 20e-6
TEXT = "The quick brown fox jumps over the lazy dog"


@dataclass(frozen=True)
class Kind:
    name: str
    kept: bool
    baselines: tuple[str, ...]


WHISPERS = Kind("frames that no database sees", False, ("tutorial-daphne", "socketio"))
MESSAGES = Kind("durable messages", True, ("tutorial-daphne-orm",))


@dataclass(frozen=True)
class Fanout:
    size: int
    kind: Kind
    seconds: float
    processes: int = 1


class Speakers:
    """Sends frames so that a bounded number of them is always under way, and counts deliveries."""

    def __init__(self, site: Site, kind: Kind) -> None:
        wire = site.contestant.wire
        self._marker = wire.event if kind.kept else wire.whisper_event
        self._frame = wire.message if kind.kept else wire.whisper
        self._sockets: list[Socket] = []
        self._due = float("inf")
        self._per_frame = 0
        self._other = b""
        self.received = 0
        self.sent = 0
        self.held_back = 0
        self._loop = asyncio.get_running_loop()
        self._pause = 0.0 if kind.kept else wire.pause_seconds
        self._may_speak_at = [0.0] * len(site.seats)

    def hear(self, socket: Socket, payload: bytes) -> None:
        if self._marker in payload:
            self.received += 1
            if self.received >= self._due:
                self._due += self._per_frame
                self.send()
        else:
            self._other = payload

    def send(self) -> None:
        """Let the next socket speak, as soon as it may."""
        speaker = self.sent % len(self._sockets)
        frame = self._frame(f"{self.sent}: {TEXT}")
        self.sent += 1
        now = self._loop.time()
        self._may_speak_at[speaker] = max(now, self._may_speak_at[speaker]) + self._pause
        wait = self._may_speak_at[speaker] - self._pause - now
        if wait <= 0:
            self._sockets[speaker].send(frame)
        else:
            self.held_back += 1
            self._loop.call_later(wait, self._sockets[speaker].send, frame)

    async def learn(self, sockets: list[Socket]) -> None:
        """Find out what one frame makes: how many deliveries (some spare the sender), how fast."""
        self._sockets = sockets
        began = self._loop.time()
        self.send()
        while self.received < len(sockets) - 1:
            if self._loop.time() > began + DRAIN_SECONDS:
                reached = f"a frame reached {self.received} of {len(sockets)} sockets"
                raise RuntimeError(f"{reached}; last heard: {self._other!r}")
            await asyncio.sleep(0.01)
        self._per_frame_seconds = self._loop.time() - began
        await asyncio.sleep(SETTLE_SECONDS)
        self._per_frame = self.received

    def begin(self) -> None:
        self._due = self.received + self._per_frame
        quick_enough = int(MOST_SECONDS_UNDER_WAY / self._per_frame_seconds)
        for _ in range(max(2, min(MOST_UNDER_WAY, quick_enough))):
            self.send()

    async def finish(self) -> int:
        """Stop sending, wait for what is under way and return how many deliveries never came."""
        self._due = float("inf")
        missing = self.sent * self._per_frame - self.received
        for _ in itertools.repeat(None, DRAIN_SECONDS * 10):
            if missing <= 0:
                break
            await asyncio.sleep(0.1)
            missing = self.sent * self._per_frame - self.received
        return missing


async def measure(stage: Stage, contestant: Contestant, work: Fanout) -> Figure:
    async with stage.site(contestant, Crowd(work.size)) as site:
        return await _measure(site, work)


async def measure_processes(stage: Stage, contestant: Contestant, work: Fanout) -> Figure:
    """The same with several server processes, which may run on the load's core too."""
    both = frozenset({SERVER_CORE, LOAD_CORE})
    async with stage.site(contestant, Crowd(work.size), work.processes, cores=both) as site:
        figure = await _measure(site, work)
    return replace(
        figure,
        work=f"Fan-out to {work.size:,} by one process and by two, {contestant.server}",
        contestant=replace(
            contestant,
            key=f"{contestant.key}-{work.processes}",
            name=f"{contestant.name}, processes: {work.processes}",
        ),
        baselines=(f"{contestant.key}-1",),
    )


async def _measure(site: Site, work: Fanout) -> Figure:
    speakers = Speakers(site, work.kind)
    sockets = await connect_all(site.contestant.wire, site.seats, site.port, speakers.hear)
    await asyncio.sleep(SETTLE_SECONDS)
    await speakers.learn(sockets)
    async with napping(work.size * NAP_SECONDS_PER_MEMBER):
        speakers.begin()
        await asyncio.sleep(WARM_UP_SECONDS)
        before, meter = speakers.received, Meter(site.process)
        await asyncio.sleep(work.seconds)
        usage = meter.read()
        delivered = speakers.received - before
        missing = await speakers.finish()
    cost = usage.server * usage.seconds / max(delivered, 1) * 1e6
    notes: tuple[str, ...] = (f"{cost:.1f} µs of server CPU a delivery",)
    if speakers.held_back:
        notes += ("held back: each member may type once a second",)
    if missing:
        notes += (f"{missing} deliveries missing",)
    return Figure(
        work=f"Fan-out to {work.size:,}, {work.kind.name}",
        contestant=site.contestant,
        value=delivered / usage.seconds,
        unit="deliveries/s",
        usage=usage,
        baselines=work.kind.baselines,
        notes=notes,
    )
