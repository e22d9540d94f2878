"""The engine's limits: `settings.REALTIME`, with types and defaults."""

from functools import cache
from typing import Annotated, Any

import msgspec
from django.conf import settings
from django.core.signals import setting_changed

MOST = 1_000_000_000
PositiveInt = Annotated[int, msgspec.Meta(gt=0, le=MOST)]
PositiveFloat = Annotated[float, msgspec.Meta(gt=0, le=MOST)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename=str.upper):
    """Every limit of the engine; the setting's key is the name in upper case."""

    frame_bytes: PositiveInt = 65_536
    """The largest message a client may send; a larger one closes the socket with 1009."""
    outbox_bytes: PositiveInt = 1_048_576
    """Bytes that may wait for a client that reads slowly; beyond it the socket closes with 4008."""
    outbox_frames: PositiveInt = 1_024
    """The same limit in frames, on servers that do not lend their transport to the engine."""
    send_seconds: PositiveFloat = 20
    """How long a message that a stock consumer sends may wait for its client; then 4008."""
    frames_per_second: PositiveFloat = 20
    frames_burst: PositiveInt = 100
    """A socket's token bucket: its refill and its size."""
    user_frames_per_second: PositiveFloat = 40
    user_frames_burst: PositiveInt = 200
    """A person's token bucket, shared by all of their sockets in a process."""
    flood_refusals: PositiveInt = 100
    """Refused frames before the socket closes with 4029; a tenth of this is forgotten a second."""
    sockets_per_user: PositiveInt = 20
    """Open sockets of one person in one process; the next one is closed with 4029."""
    topics_per_socket: PositiveInt = 100
    """Topics joined at once over `/ws/`."""
    idle_seconds: PositiveFloat = 3_600
    """A socket whose client sends nothing for so long is closed with 1001."""
    handshake_seconds: PositiveFloat = 10
    """How long a connection may take to become a WebSocket or to send the headers of a request, and
    how long the body of a request may pause."""
    body_bytes: PositiveInt = 2_621_440
    """The largest body of a request; a larger one is answered with 413."""
    body_seconds: PositiveFloat = 30
    """How long the body of a request may take to arrive; then 408."""
    upload_bytes: PositiveInt = 20_971_520
    upload_seconds: PositiveFloat = 300
    """The same two for the paths of uploads (`settings.UPLOAD_PATHS`)."""
    heartbeat_seconds: PositiveFloat = 20
    """How often the sockets of each topic receive its latest revision."""
    check_seconds: PositiveFloat = 60
    """How often the sign-ins behind all sockets of a process are checked, in one query."""
    ticket_seconds: PositiveFloat = 30
    """How long a ticket can be redeemed."""
    database_threads: PositiveInt = 4
    """Threads, and so database connections, that serve a process's sockets."""
    task_threads: PositiveInt = 8
    """Tasks that a process runs at once; each has a database connection while it runs."""
    task_lease_seconds: PositiveFloat = 60
    """After so long the task of a killed worker runs again. A live worker renews its leases."""
    task_seconds: PositiveFloat = 900
    """A task that runs longer is given up: the attempt has failed; its thread is left behind."""
    drain_seconds: Annotated[float, msgspec.Meta(ge=0, le=MOST)] = 5
    """How long a stopping process waits for the commands that are under way; 0 for not at all."""


Budgets = dict[str, tuple[PositiveInt, PositiveFloat]]
"""The form of `settings.BUDGETS`: so many times in so many seconds."""


@cache
def limits() -> Limits:
    """The limits in force."""
    return msgspec.convert(settings.REALTIME, Limits)


def limits_of(text: str) -> dict[str, Any]:  # Any: JSON
    """What the variable REALTIME says, for `settings.REALTIME`.

    Raises:
        ValueError: it is no JSON object, or has an unknown key or a wrong value.
    """
    return _object(text, Limits, "limit", """{"FRAME_BYTES": 65536}""", "docs/engine.md")


def budgets_of(text: str) -> dict[str, Any]:  # Any: JSON
    """What the variable BUDGETS says, for `settings.BUDGETS`.

    Raises:
        ValueError: it is no JSON object, or has a wrong value.
    """
    return _object(text, Budgets, "budget", """{"rooms": [20, 3600]}""", "docs/limits.md")


def _object(text: str, type: Any, what: str, example: str, page: str) -> dict[str, Any]:
    try:
        msgspec.json.decode(text, type=type)
        found: dict[str, Any] = msgspec.json.decode(text)
    except msgspec.ValidationError as error:
        raise ValueError(f"has a wrong {what}: {error}. {page} lists them.") from None
    except (msgspec.DecodeError, ValueError):
        raise ValueError(f"is not a JSON object: write one such as {example}.") from None
    return found


def _forget(*, setting: str, **kwargs: Any) -> None:  # Any: a signal's arguments
    if setting == "REALTIME":
        limits.cache_clear()


setting_changed.connect(_forget)
