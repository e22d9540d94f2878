"""Fan-out: deliveries per second to all members of one room, with one frame in flight and more."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from bench.client import Socket, connect_all
from bench.contestants import DATABASES, Contestant
from bench.figures import Figure
from bench.nap import napping
from bench.stage import Crowd, Site, Stage
from bench.usage import Meter, Usage

WARM_UP_SECONDS = 1.0
SETTLE_SECONDS = 0.5
DRAIN_SECONDS = 30
IN_FLIGHT = (1, 16)
MOST_SECONDS_UNDER_WAY = 2.0
NAP_SECONDS_PER_MEMBER = 20e-6
WATCHED_SOCKETS = 20
TEXT = "The quick brown fox jumps over the lazy dog"


@dataclass(frozen=True)
class Fanout:
    size: int
    kept: bool
    seconds: float
    database: str = "sqlite"

    @property
    def name(self) -> str:
        kind = f"durable messages, {DATABASES[self.database]}" if self.kept else "typing"
        return f"Fan-out to {self.size:,}: {kind}"


class Speakers:
    """Sends frames so that a bounded number of them is always under way, and counts deliveries."""

    def __init__(self, site: Site, *, kept: bool) -> None:
        wire = site.contestant.wire
        self._marker = wire.event if kept else wire.whisper_event
        self._frame = wire.message if kept else wire.whisper
        self._sockets: list[Socket] = []
        self._due = float("inf")
        self._per_frame = 0
        self._other = b""
        self.received = 0
        self.sent = 0
        self.held_back = 0
        self._loop = asyncio.get_running_loop()
        self._pause = 0.0 if kept else wire.pause_seconds
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

    def begin(self, in_flight: int) -> None:
        self._due = self.received + self._per_frame
        quick_enough = int(MOST_SECONDS_UNDER_WAY / self._per_frame_seconds)
        for _ in range(max(1, min(in_flight, quick_enough))):
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


@dataclass(frozen=True)
class Span:
    """What was delivered while it was measured."""

    delivered: int
    per_write: float
    usage: Usage
    missing: int


async def measure(stage: Stage, contestant: Contestant, work: Fanout) -> Figure:
    values: dict[str, float] = {}
    usages: dict[str, Usage] = {}
    notes: list[str] = []
    async with stage.site(contestant, Crowd(work.size), database=work.database) as site:
        speakers, sockets = await gathered(site, kept=work.kept)
        for in_flight in IN_FLIGHT:
            span = await spoken(speakers, sockets, site, in_flight, work.seconds)
            when = f"{in_flight} in flight"
            values[f"{when}: deliveries/s"] = span.delivered / span.usage.seconds
            values[f"{in_flight}: deliveries a write"] = span.per_write
            cost = span.usage.milliseconds(span.delivered) * 1e3
            values[f"{in_flight}: server CPU of 1,000, ms"] = cost
            usages[when] = span.usage
            if span.missing:
                notes.append(f"{when}: {span.missing} deliveries missing")
        if speakers.held_back:
            notes.append("held back: each member may type once a second")
    return Figure(work.name, contestant.name, values, usages, notes)


async def gathered(site: Site, *, kept: bool) -> tuple[Speakers, list[Socket]]:
    """Everyone in the room, ready to speak."""
    speakers = Speakers(site, kept=kept)
    sockets = await connect_all(site.contestant.wire, site.seats, site.port, speakers.hear)
    await asyncio.sleep(SETTLE_SECONDS)
    await speakers.learn(sockets)
    return speakers, sockets


async def spoken(
    speakers: Speakers, sockets: Sequence[Socket], site: Site, in_flight: int, seconds: float
) -> Span:
    """Keep so many frames in flight for `seconds`, after a warm-up."""
    watched = sockets[:: max(1, len(sockets) // WATCHED_SOCKETS)]
    async with AsyncExitStack() as stack:
        if in_flight > 1:
            await stack.enter_async_context(napping(len(sockets) * NAP_SECONDS_PER_MEMBER))
        speakers.begin(in_flight)
        await asyncio.sleep(min(WARM_UP_SECONDS, seconds))
        received, meter = speakers.received, Meter(site)
        frames, segments = sum(socket.heard for socket in watched), _segments(watched)
        await asyncio.sleep(seconds)
        usage, delivered = meter.read(), speakers.received - received
        writes = _segments(watched) - segments
        frames = sum(socket.heard for socket in watched) - frames
        return Span(delivered, frames / max(writes, 1), usage, await speakers.finish())


def _segments(sockets: Sequence[Socket]) -> int:
    return sum(socket.segments for socket in sockets)
