"""What is counted while a process works: plain numbers, cheap to raise, read when somebody asks.

Each is counted where it happens and once for many where there are many: an event that goes to a
thousand sockets raises `sent` once, by a thousand. Apps make counters of their own beside the code
that raises them; all are in `every`.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence


class Counter:
    """A number that only grows."""

    __slots__ = ("help", "name", "value")

    def __init__(self, name: str, help: str) -> None:
        self.name = name
        self.help = help
        self.value = 0
        every.append(self)


class Tally:
    """A number that only grows for each value of a `label`, of which there are few."""

    __slots__ = ("help", "label", "name", "values")

    def __init__(self, name: str, help: str, label: str) -> None:
        self.name = name
        self.help = help
        self.label = label
        self.values: dict[object, int] = defaultdict(int)
        every.append(self)


class Distribution:
    """How many observed values were at most each of some `bounds`, and the sum of all of them."""

    __slots__ = ("bounds", "counts", "help", "name", "sum")

    def __init__(self, name: str, help: str, bounds: Sequence[float]) -> None:
        self.name = name
        self.help = help
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  # the last: above every bound
        self.sum = 0.0
        every.append(self)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


every: list[Counter | Tally | Distribution] = []

joins = Counter("realtime_joins", "Topics joined.")
received = Counter("realtime_frames_received", "Frames that clients sent.")
sent = Counter("realtime_frames_sent", "Frames written to clients.")
refusals = Tally("realtime_refusals", "Frames answered with an error.", "code")
closes = Tally("realtime_closes", "Sockets that the server closed.", "code")
delivery = Distribution(
    "realtime_delivery_seconds",
    "From an event's publishing to its having been written to this process's sockets.",
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
dropped = Counter("realtime_events_dropped", "Events that a channel layer far behind did not get.")
layer_failures = Counter("realtime_layer_failures", "Times that the channel layer was lost.")
batches = Distribution(
    "realtime_commit_items", "What one group commit saved.", (1, 2, 5, 10, 20, 50, 100)
)
heartbeats = Counter("realtime_heartbeats", "Rounds of telling every topic's sockets its head.")
