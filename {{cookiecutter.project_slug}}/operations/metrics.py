"""The site's numbers, in the form that Prometheus reads."""

import os
from collections.abc import Iterable, Iterator
from hmac import compare_digest
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from django.conf import settings
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from operations.workers import Workers
from realtime import stats
from realtime.delivery.engine import running_engine


class Engine(Collector):
    """What the engine and the apps have counted, and what is open now."""

    def collect(self) -> Iterable[Metric]:
        yield from map(_family, stats.every)
        yield from _gauges()


registry = CollectorRegistry(auto_describe=False)
ProcessCollector(registry=registry)
registry.register(Engine())

folder = os.environ.get("WORKERS_FOLDER")
workers = Workers(registry.collect, Path(folder)) if folder else None


def exposition() -> bytes:
    """The numbers of this process, or those of all processes that share its port."""
    return generate_latest(workers or registry)


def may_read(scope: dict[str, Any]) -> bool:  # Any: ASGI
    """Whether this request has METRICS_TOKEN; without one, whether it comes from within.

    What came through a proxy says so in X-Forwarded-For, and comes from anywhere.
    """
    headers = dict(scope.get("headers", ()))
    if settings.METRICS_TOKEN:
        given = headers.get(b"authorization", b"")
        return compare_digest(given, f"Bearer {settings.METRICS_TOKEN}".encode())
    client = scope.get("client")
    is_direct = b"x-forwarded-for" not in headers
    return bool(is_direct and client and client[0] and ip_address(client[0]).is_private)


def _family(counted: stats.Counter | stats.Tally | stats.Distribution) -> Metric:
    match counted:
        case stats.Counter():
            return CounterMetricFamily(counted.name, counted.help, counted.value)
        case stats.Tally():
            tally = CounterMetricFamily(counted.name, counted.help, labels=[counted.label])
            for value, number in list(counted.values.items()):
                tally.add_metric([str(value)], number)
            return tally
        case stats.Distribution():
            return HistogramMetricFamily(
                counted.name, counted.help, list(_buckets(counted)), counted.sum
            )


def _buckets(distribution: stats.Distribution) -> Iterator[tuple[str, float]]:
    below = 0
    for bound, count in zip([*distribution.bounds, "+Inf"], distribution.counts, strict=True):
        below += count
        yield str(bound), below


def _gauges() -> Iterator[Metric]:
    engine = running_engine()
    if engine is None:
        return
    waiting = [connection.socket.waiting_bytes for connection in list(engine.connections)]
    for name, meaning, value in (
        ("realtime_sockets", "Open sockets.", len(waiting)),
        ("realtime_people", "People with an open socket.", len(engine.people)),
        ("realtime_groups", "Groups with an open socket.", len(list(engine.hub.groups))),
        ("realtime_outbox_bytes", "What clients have not yet taken, of all.", sum(waiting)),
        ("realtime_outbox_most_bytes", "The same, of the slowest.", max(waiting, default=0)),
        ("realtime_layer_up", "Whether the layer answers.", engine.hub.answering.is_set()),
        ("realtime_draining", "Whether the process is stopping.", engine.draining),
    ):
        yield GaugeMetricFamily(name, meaning, float(value))
