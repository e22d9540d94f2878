"""The metrics of the site for Prometheus, and who may read them."""

import os
from collections.abc import Iterable
from functools import partial
from hmac import compare_digest
from pathlib import Path

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from prometheus_client import REGISTRY, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from operations.proxies import PRIVATE_NETWORKS, Networks, is_forwarded, parse_address
from realtime.asgi import Scope

# `manage.py serve` makes this folder where several processes share its port. Each keeps its values
# in files there, from which prometheus_client adds up those of all.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_private = Networks(PRIVATE_NETWORKS)


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


def may_read(scope: Scope) -> bool:
    """Whether a request, as the server received it, may read the metrics.

    It has to send METRICS_TOKEN. Only where there is neither a token nor a proxy, it may come from
    a private address instead. It must then have no header of a proxy, and no Host that a page of
    another site could have had looked up as a private address.
    """
    headers = dict(scope.get("headers", ()))
    if settings.METRICS_TOKEN:
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        return scheme.lower() == b"bearer" and compare_digest(
            token.strip(), settings.METRICS_TOKEN.encode()
        )
    if settings.PROXIES or is_forwarded(scope):
        return False
    address, _ = scope.get("client") or ("", 0)
    return address in _private and _is_own(headers.get(b"host", b"").decode("latin-1"))


def _is_own(host: str) -> bool:
    name, _ = split_domain_port(host)
    is_local = bool(name) and ("." not in name or parse_address(name) is not None)
    return not host or is_local or validate_host(name, settings.ALLOWED_HOSTS)
