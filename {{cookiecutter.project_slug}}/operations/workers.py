"""The numbers of processes that share one port: a scrape reaches only one of them.

Each writes its own numbers to a file every few seconds, in the folder that `manage.py serve` gives
its workers; whichever is asked reads them all. Every number keeps a label that says which worker it
is of, so that a worker's death takes no other's numbers along, and Prometheus does the sums.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Thread

from prometheus_client.core import Metric

logger = logging.getLogger(__name__)

WRITE_SECONDS = 5.0
STALE_SECONDS = 15.0


class Workers:
    """A collector of the numbers of all workers.

    Args:
        collect_own: gives this process's numbers.
        folder: what the workers share.
    """

    def __init__(self, collect_own: Callable[[], Iterable[Metric]], folder: Path) -> None:
        self._collect_own = collect_own
        self._folder = folder

    def start(self) -> None:
        """Write this process's numbers from now on."""
        Thread(target=self._keep_writing, name="numbers", daemon=True).start()

    def collect(self) -> Iterable[Metric]:
        self.write()
        families: dict[str, Metric] = {}
        for file in self._folder.glob("*.json"):
            if time.time() - file.stat().st_mtime > STALE_SECONDS:
                file.unlink(missing_ok=True)  # of a worker that died
                continue
            for name, meaning, kind, samples in json.loads(file.read_text()):
                family = families.setdefault(name, Metric(name, meaning, kind))
                for sample, labels, value in samples:
                    family.add_sample(sample, {**labels, "worker": file.stem}, value)
        return families.values()

    def write(self) -> None:
        """Write this process's numbers, whole or not at all."""
        own = [
            (each.name, each.documentation, each.type, [sample[:3] for sample in each.samples])
            for each in self._collect_own()
        ]
        file = self._folder / f"{os.getpid()}.json"
        unfinished = file.with_suffix(".new")
        unfinished.write_text(json.dumps(own))
        unfinished.replace(file)

    def _keep_writing(self) -> None:
        while True:
            try:
                self.write()
            except OSError as error:
                logger.warning("This worker's numbers could not be written: %s", error)
            time.sleep(WRITE_SECONDS)
