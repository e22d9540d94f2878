"""The topic `live`: what each process that serves does just now, for staff.

A process with somebody on the topic asks all processes to show themselves, and each publishes a
snapshot a second as long as it is asked. What is shown is what `/metrics` shows.
"""

import os
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from socket import gethostname
from typing import Any

from msgspec import Struct
from prometheus_client import REGISTRY

from accounts.models import User
from accounts.two_factor import opens_staff_pages
from operations.endpoints import state_of
from realtime.consumers import Consumer
from realtime.database import in_database
from realtime.delivery.engine import Engine, Routine, this_engine
from realtime.delivery.publishing import publish, watch
from realtime.protocol import CloseCode, Closing, Nothing, encode
from realtime.tasks.worker import measure as measure_tasks
from realtime.topics import Pair, Topic

LIVE = "live"
WINDOW_SECONDS = 60  # of lag, refusals and closes; rates are of the last second

Samples = dict[str, float]
"""The values of metrics, by name and label, such as `realtime_closes_total/4008`."""


class Lag(Struct):
    """Milliseconds from commit to delivery, of half and of 99 in a hundred events."""

    half: float
    most: float


class Tasks(Struct):
    """The site's tasks. `state` is `ok`, or why they could not be counted."""

    state: str
    waiting: int
    running: int
    failed: int
    late_seconds: float


class Snapshot(Struct):
    """One process. Rates are per second; refusals and closes are by code."""

    process: str
    draining: bool
    layer: bool
    presence: bool
    sockets: int
    people: int
    topics: int
    joins: float
    received: float
    sent: float
    deliveries: float
    lag: Lag | None
    outbox_bytes: int
    outbox_most_bytes: int
    refusals: dict[str, int]
    closes: dict[str, int]
    tasks: Tasks | None
    """From the processes with somebody on the topic."""


class LiveTopic(Topic):
    """Heard by staff."""

    prefix = LIVE

    def group(self, key: object) -> str:
        return LIVE

    def hearers(self, pairs: Collection[Pair]) -> set[Pair]:
        staff = User.objects.filter(is_staff=True, is_active=True)
        ids = set(staff.filter(pk__in={pk for _, pk in pairs}).values_list("pk", flat=True))
        return {(key, pk) for key, pk in pairs if pk in ids}

    def link(self, key: str) -> str:
        return "/live/"


class LiveConsumer(Consumer):
    """One member of staff who watches."""

    events = {"welcome": Nothing, "snapshot": Snapshot}

    async def join(self) -> None:
        self.topic = LIVE
        await self.subscribe(LIVE)
        if not await in_database(LiveTopic().hearers, {(LIVE, self.user_id)}):
            raise Closing(CloseCode.FORBIDDEN, "Only staff may watch the site at work.")
        if not await in_database(opens_staff_pages, self.user, self.scope["session"]):
            raise Closing(CloseCode.FORBIDDEN, "Watching needs a second factor: open /live/.")
        self.welcome(Nothing())
        watch()


class Meter:
    """Reads the metrics of this process once a second, and publishes them while it is watched."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read: deque[tuple[float, Samples]] = deque(maxlen=WINDOW_SECONDS + 1)

    async def tick(self) -> None:
        hub, tasks_state = self._engine.hub, ""
        if LIVE in hub.groups:
            tasks_state = await state_of(in_database(measure_tasks))
        now = hub.loop.time()
        self._read.append((now, read_samples()))
        if not hub.answering.is_set():  # whoever watches in this process sees it
            hub.deliver(LIVE, encode(LIVE, "snapshot", self._snapshot(tasks_state)))
            return
        if LIVE in hub.groups:
            watch()
        if now < self._engine.watched_until:
            publish(LIVE, "snapshot", self._snapshot(tasks_state))

    def _snapshot(self, tasks_state: str) -> Snapshot:
        at, now = self._read[-1]
        before_at, before = self._read[max(-2, -len(self._read))]
        second, minute = growth(before, now), growth(self._read[0][1], now)
        seconds = max(at - before_at, 1.0)

        def rate(name: str) -> float:
            return round(second[name] / seconds, 1)

        return Snapshot(
            process=f"{gethostname()}:{os.getpid()}",
            draining=bool(now["realtime_draining"]),
            layer=bool(now["realtime_layer_up"]),
            presence=bool(now.get("presence_store_up", 1)),
            sockets=int(now["realtime_sockets"]),
            people=int(now["realtime_people"]),
            topics=int(now["realtime_groups"]),
            joins=rate("realtime_joins_total"),
            received=rate("realtime_frames_received_total"),
            sent=rate("realtime_frames_sent_total"),
            deliveries=rate("realtime_delivery_seconds_count"),
            lag=lag(labelled(minute, "realtime_delivery_seconds_bucket")),
            outbox_bytes=int(now["realtime_outbox_bytes"]),
            outbox_most_bytes=int(now["realtime_outbox_most_bytes"]),
            refusals=labelled(minute, "realtime_refusals_total"),
            closes=labelled(minute, "realtime_closes_total"),
            tasks=tasks_in(now, tasks_state) if tasks_state else None,
        )


def start_meter(**kwargs: Any) -> None:  # Any: a signal sends what it likes
    """Begin to read the metrics of a process whose engine has started."""
    engine = this_engine()
    engine.every_second.append(Routine(Meter(engine).tick))


def read_samples() -> Samples:
    """The values of this process, where several share a port too."""
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
    }


def growth(before: Samples, now: Samples) -> Samples:
    """By how much each value is higher than it was."""
    return {name: value - before.get(name, 0.0) for name, value in now.items()}


def labelled(samples: Samples, name: str) -> dict[str, int]:
    """The values of a metric, by that of its one label."""
    return {
        key.removeprefix(f"{name}/"): int(value)
        for key, value in samples.items()
        if key.startswith(f"{name}/")
    }


def tasks_in(samples: Samples, state: str) -> Tasks:
    """The site's tasks as they were counted last."""
    counts = labelled(samples, "realtime_tasks")
    waiting, running, failed = (counts.get(each, 0) for each in ("waiting", "running", "failed"))
    late = round(samples["realtime_tasks_late_seconds"], 1)
    return Tasks(state, waiting, running, failed, late)


def lag(counts: Mapping[str, int]) -> Lag | None:
    """How long events took; None where there were none.

    Args:
        counts: how many took at most so many seconds.
    """
    buckets = sorted((float(seconds), count) for seconds, count in counts.items())
    if not buckets[-1][1]:
        return None
    return Lag(*(round(1_000 * quantile(buckets, share), 1) for share in (0.5, 0.99)))


def quantile(buckets: Sequence[tuple[float, int]], share: float) -> float:
    """The value that this share of what was observed does not exceed, as PromQL estimates it.

    Args:
        buckets: the upper bound of each, infinity last, and how many observations it does not
            exceed.
    """
    wanted = share * buckets[-1][1]
    low, below = 0.0, 0
    for bound, count in buckets[:-1]:
        if count >= wanted:
            return low + (bound - low) * (wanted - below) / (count - below)
        low, below = bound, count
    return low
