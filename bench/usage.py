"""What a span of time cost: seconds, and how busy the load's core and the server were in it."""

import os
import time
from dataclasses import dataclass

from bench import machine
from bench.processes import Process

BUSY = 0.85
"""A load busier than this may have been what limited the figure."""

CROWDED = 0.15
"""Who waited longer than this for its core was not alone on it, and the figure says less."""


@dataclass(frozen=True)
class Usage:
    seconds: float
    load: float
    """Share of a core that the load used."""
    server: float
    """Cores that the server used, its children included."""
    queued: float
    """Share of the time in which the server, or the load, waited while others had its core."""


class Meter:
    """Begins to measure when made."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._pids = process.pids
        self._server = machine.cpu_seconds(self._pids)
        self._server_queued = machine.waiting_seconds(self._pids)
        self._load_queued = machine.waiting_seconds([os.getpid()])
        self._load = time.process_time()
        self._began = time.perf_counter()

    def read(self) -> Usage:
        seconds = time.perf_counter() - self._began
        load = (time.process_time() - self._load) / seconds
        server = (machine.cpu_seconds(self._pids) - self._server) / seconds
        server_queued = machine.waiting_seconds(self._pids) - self._server_queued
        load_queued = machine.waiting_seconds([os.getpid()]) - self._load_queued
        return Usage(seconds, load, server, max(server_queued, load_queued) / seconds)
