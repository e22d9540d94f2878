"""The metrics of the site for Prometheus, and who may read them."""

import os
from collections.abc import Iterable
from functools import partial
from hmac import compare_digest
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from django.conf import settings
from prometheus_client import REGISTRY, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

# `manage.py serve` makes this folder where several processes share its port. Each keeps its values
# in files there, from which prometheus_client adds up those of all.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def exposition() -> bytes:
    """The metrics of this process, or of all processes that share its port."""
    if FOLDER not in os.environ:
        return generate_latest(REGISTRY)
    shared = CollectorRegistry()
    MultiProcessCollector(shared)
    shared.register(Processes(Path(os.environ[FOLDER])))
    return generate_latest(shared)


class Processes(Collector):
    """Memory, CPU and open files of each process that has its values in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for file in self._folder.glob("gauge_livesum_*.db"):
            pid = file.stem.rpartition("_")[2]
            for own in ProcessCollector(pid=partial(str, pid), registry=None).collect():
                empty = Metric(own.name, own.documentation, own.type)
                family = families.setdefault(own.name, empty)
                for sample in own.samples:
                    family.add_sample(sample.name, {"pid": pid}, sample.value)
        return families.values()


def may_read(scope: dict[str, Any]) -> bool:  # Any: ASGI
    """Whether a request may read the metrics.

    It has to send METRICS_TOKEN. Where none is set, it has to come from a private address and not
    through a proxy, which would have added X-Forwarded-For.
    """
    headers = dict(scope.get("headers", ()))
    if settings.METRICS_TOKEN:
        given = headers.get(b"authorization", b"")
        return compare_digest(given, f"Bearer {settings.METRICS_TOKEN}".encode())
    client = scope.get("client")
    is_direct = b"x-forwarded-for" not in headers
    return bool(is_direct and client and client[0] and ip_address(client[0]).is_private)
