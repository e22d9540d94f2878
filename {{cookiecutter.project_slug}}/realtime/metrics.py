"""The engine's metrics for Prometheus.

A counter is raised once for many sockets: an event that goes to a thousand of them raises
`frames_sent` once, by a thousand. Apps define metrics of their own beside the code that raises
them; `/metrics` shows all that are in prometheus_client's registry.

Where several processes share a port, `multiprocess_mode` says how their gauges become one value.
"""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # a second series for each counter, of when the process began

joins = Counter("realtime_joins", "Topics joined.")
frames_received = Counter("realtime_frames_received", "Frames that clients sent.")
frames_sent = Counter("realtime_frames_sent", "Frames written to clients.")
refusals = Counter("realtime_refusals", "Frames answered with an error.", ["code"])
closes = Counter("realtime_closes", "Sockets that the server closed.", ["code"])
delivery_seconds = Histogram(
    "realtime_delivery_seconds",
    "Time from publishing an event until it is written to this process's sockets.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
events_dropped = Counter(
    "realtime_events_dropped", "Events not sent because the channel layer was too far behind."
)
layer_failures = Counter("realtime_layer_failures", "Times that the channel layer failed.")
commit_items = Histogram(
    "realtime_commit_items",
    "Items saved by one group commit.",
    buckets=(1, 2, 5, 10, 20, 50, 100),
)
heartbeats = Counter("realtime_heartbeats", "Rounds of heartbeats to all topics of the process.")

tasks = Gauge("realtime_tasks", "Tasks.", ["status"], multiprocess_mode="mostrecent")
tasks_late_seconds = Gauge(
    "realtime_tasks_late_seconds",
    "For how long the oldest task that could run has waited.",
    multiprocess_mode="mostrecent",
)

# The engine sets these every second (`Engine.measure`).
sockets = Gauge("realtime_sockets", "Open sockets.", multiprocess_mode="livesum")
people = Gauge("realtime_people", "People with an open socket.", multiprocess_mode="livesum")
groups = Gauge("realtime_groups", "Groups with an open socket.", multiprocess_mode="livesum")
outbox_bytes = Gauge(
    "realtime_outbox_bytes",
    "Bytes that clients have not yet taken.",
    multiprocess_mode="livesum",
)
outbox_most_bytes = Gauge(
    "realtime_outbox_most_bytes",
    "Bytes that the slowest client has not yet taken.",
    multiprocess_mode="livemax",
)
layer_up = Gauge(
    "realtime_layer_up", "Whether the channel layer answers.", multiprocess_mode="livemin"
)
layer_up.set(1)  # in a process whose engine has not begun
draining = Gauge("realtime_draining", "Whether a process is stopping.", multiprocess_mode="livemax")
