"""What a span of time cost: seconds, and who was busy for how much of it."""

import time
from collections.abc import Iterator

from msgspec import Struct

from bench import machine
from bench.stage import Site

BUSY = 0.9
"""The server, or else the load, is the limit of a figure if it used so much of a core."""
CROWDED = 0.1
"""More of a core than this, used by what is no part of the run, and the figure says less."""


class Usage(Struct, frozen=True):
    seconds: float
    load: float
    """Cores that the load used; it has one."""
    server: float
    """Cores that the server used, its children included."""
    redis: float
    database: float
    """Cores that PostgreSQL used; SQLite is part of the server."""
    others: float
    """Cores that anything else used."""

    def remarks(self, *, paced: bool) -> Iterator[str]:
        """What was not as it should be; without a pace, the server should be the limit."""
        if not paced and self.load >= BUSY:
            yield f"at least this: load {self.load:.0%}"
        elif not paced and self.server < BUSY:
            services = f"Redis {self.redis:.0%}, PostgreSQL {self.database:.0%}"
            yield f"server {self.server:.0%}, {services}, load {self.load:.0%}"
        if self.others > CROWDED:
            yield f"others took {self.others:.0%} of a core"

    def milliseconds(self, count: int) -> float:
        """Of the server's processor, for each of `count` things done."""
        return self.server * self.seconds / max(count, 1) * 1e3


class Meter:
    """Begins to measure when made."""

    def __init__(self, site: Site) -> None:
        self._processes = site.process, site.redis, site.postgres
        self._before = self._now()

    def read(self) -> Usage:
        spans = [after - before for after, before in zip(self._now(), self._before, strict=True)]
        seconds, busy, *used = spans
        others = max(0.0, busy - sum(used))
        load, server, redis, database, others = (span / seconds for span in (*used, others))
        return Usage(seconds, load, server, redis, database, others)

    def _now(self) -> list[float]:
        used = [process.cpu_seconds if process else 0.0 for process in self._processes]
        return [time.perf_counter(), machine.busy_seconds(), time.process_time(), *used]
