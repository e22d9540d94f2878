"""What a server weighs, and how fast it serves two quiet people, while others abuse it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from time import monotonic

from tests.conversations import until
from tests.machine import rss_mib
from tests.projects import Server
from tests.sites import Site
from tests.tables import curve
from tests.wire import RoomClient

MESSAGES = 12  # what is measured at least, before and during
PAUSE_SECONDS = 0.06  # between two messages: within what a person may send
WEIGH_SECONDS = 0.05
UNMOVED_SECONDS = 0.15  # what a busy test machine adds by itself
STALL_SECONDS = 5.0


@dataclass
class Watch:
    """Samples from before and from during, as they come."""

    rss: list[float] = field(default_factory=list)  # MiB
    latencies: list[float] = field(default_factory=list)  # seconds, from sending to being seen
    weight_before: float = 0.0
    latencies_before: list[float] = field(default_factory=list)

    def begin(self) -> None:
        """From here on it is `during`."""
        self.weight_before = self.rss[-1]
        self.latencies_before = self.latencies.copy()
        self.rss.clear()
        self.latencies.clear()

    @property
    def cells(self) -> Sequence[object]:
        """Memory before, its rise and curve; the median latency before, during, and the worst."""
        before, during = median(self.latencies_before) * 1000, median(self.latencies) * 1000
        return (
            f"{self.weight_before:.0f}",
            f"{max(self.rss) - self.weight_before:+.1f}",
            curve(self.rss),
            f"{before:.0f}",
            f"{during:.0f}",
            f"{max(self.latencies) * 1000:.0f}",
        )

    def check(self, mib: float) -> None:
        """Memory rose by no more than this, and the quiet people noticed nothing."""
        assert max(self.rss) - self.weight_before < mib, self.cells
        assert median(self.latencies) < median(self.latencies_before) + UNMOVED_SECONDS, self.cells
        assert max(self.latencies) < STALL_SECONDS, self.cells


@asynccontextmanager
async def watching(site: Site, server: Server) -> AsyncIterator[Watch]:
    """Watch a server: before the body for a moment, and then as long as the body takes."""
    assert server.process is not None
    watch = Watch()
    room = site.new_room()
    async with (
        RoomClient([server.websocket_url], room, site.people[-1].session) as speaker,
        RoomClient([server.websocket_url], room, site.people[-2].session) as listener,
        asyncio.TaskGroup() as tasks,
    ):
        await until(lambda: speaker.joined and listener.joined, "the two are there")
        measuring = [
            tasks.create_task(_speak(speaker, listener, watch)),
            tasks.create_task(_weigh(server.process.pid, watch)),
        ]
        await until(lambda: len(watch.latencies) >= MESSAGES, "measured before")
        watch.begin()
        yield watch
        await until(lambda: len(watch.latencies) >= MESSAGES, "measured during")
        for task in measuring:
            task.cancel()


async def _speak(speaker: RoomClient, listener: RoomClient, watch: Watch) -> None:
    while True:
        said_at = monotonic()
        client_id = speaker.say("quiet")
        await until(lambda: client_id in listener.seen_at, "a message was seen")  # noqa: B023
        watch.latencies.append(listener.seen_at[client_id] - said_at)
        await asyncio.sleep(PAUSE_SECONDS)


async def _weigh(pid: int, watch: Watch) -> None:
    while True:
        watch.rss.append(rss_mib(pid))
        await asyncio.sleep(WEIGH_SECONDS)
