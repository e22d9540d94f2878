"""Publishing: call these from any code, async or not, in a transaction or not.

Each waits for the commit of an open transaction, and does nothing if that is rolled back. In a
server the engine takes the event and sends it, late if the layer is away. In a process without an
engine (a command, a shell, a worker, a test) the call returns once the layer has the event, and
within `LAYER_SECONDS`; if the layer did not take it, the log has a warning.

Django has no transactions on an event loop, so an event that async code publishes waits for none.
Let the plain function that has the transaction publish, run by `in_database` or `sync_to_async`.
"""

import asyncio
import atexit
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import cache, partial
from threading import Thread
from typing import NamedTuple

from channels.layers import get_channel_layer
from django.db import transaction

from realtime.delivery.engine import running_engine
from realtime.delivery.hub import (
    CONTROL,
    LAYER_SECONDS,
    PACKED_CHARACTERS,
    RETRY_SECONDS,
    LayerMessage,
    layer_group,
)
from realtime.protocol import CloseCode, encode

logger = logging.getLogger(__name__)

STOP_SECONDS = 1.0  # how long a process that ends waits for its sender


class Event(NamedTuple):
    """One of many events, for `publish_many`; see `publish` for its parts."""

    group: str
    type: str
    data: object
    rev: int | None = None


def publish(
    topic: str, type: str, data: object, rev: int | None = None, group: str | None = None
) -> None:
    """Send an event to all who hear `topic`.

    Args:
        topic: the topic that the frame names.
        type: the event's type, such as `message.created`.
        data: whatever msgspec encodes as JSON; dates, UUIDs and sets included.
        rev: the revision that the event brings its topic to.
        group: who hears it, where that is not everyone on `topic`.
    """
    group = group or topic
    text = encode(topic, type, data, rev)
    _send_on_commit(group, {"type": "realtime.event", "text": text})


def publish_many(topic: str, events: Iterable[Event]) -> None:
    """Send many events of one topic, each to its own group, in few messages.

    Every process gets every event and drops those of groups without a socket there. For 10,000
    people this costs the layer some twenty messages, where `publish` would cost 10,000.
    """
    batch: list[tuple[str, str]] = []
    size = 0
    for event in events:
        text = encode(topic, event.type, event.data, event.rev)
        if batch and size + len(text) > PACKED_CHARACTERS:
            _send_on_commit(CONTROL, {"type": "realtime.events", "events": batch})
            batch, size = [], 0
        batch.append((event.group, text))
        size += len(text)
    if batch:
        _send_on_commit(CONTROL, {"type": "realtime.events", "events": batch})


def dismiss(group: str, user_id: int, code: CloseCode, reason: str) -> None:
    """End one person's subscriptions of `group`, in every process."""
    message = {"user_id": user_id, "code": int(code), "reason": reason}
    _send_on_commit(group, {"type": "realtime.dismiss", **message})


def sign_out(user_id: int, session_key: str | None = None) -> None:
    """Close a person's sockets with 4401, in every process: all, or those of one session."""
    message = {"type": "realtime.sign_out", "user_id": user_id, "session_key": session_key}
    _send_on_commit(CONTROL, message)


def recheck(user_id: int) -> None:
    """Let every process check now whether a person's sockets are still signed in."""
    _send_on_commit(CONTROL, {"type": "realtime.recheck", "user_id": user_id})


def watch() -> None:
    """Let every process that serves know that it is watched: `Engine.watched_until`."""
    _send_on_commit(CONTROL, {"type": "realtime.watch"})


def _send_on_commit(group: str, message: LayerMessage) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        transaction.on_commit(partial(_send, group, message))
    else:  # where Django has no transactions, and no connections
        _send(group, message)


def _send(group: str, message: LayerMessage) -> None:
    message |= {"group": group, "at": time.time()}
    engine = running_engine()
    try:
        if engine is None:
            send_alone(lambda: get_channel_layer().group_send(layer_group(group), message))
        else:
            engine.call(engine.hub.send, group, message)
    except Exception as error:  # the change is committed; clients find the gap by its revision
        logger.warning(
            "The channel layer did not take an event for %s: %s %s",
            group,
            type(error).__name__,
            error,
        )


class LayerAway(Exception):
    """The layer did not answer a moment ago, so it is not waited for again."""


_away_until = 0.0


def send_alone(send: Callable[[], Awaitable[None]]) -> None:
    """Await `send()`, which sends something to the layer, where no engine runs.

    A plain function cannot await, nor wait for the loop that it runs on. So a thread with a loop
    and a connection of its own does it, which no caller can end.

    Raises:
        TimeoutError: the layer did not answer in `LAYER_SECONDS`.
        LayerAway: that was less than `RETRY_SECONDS` ago.
        Exception: whatever the layer raises.
    """
    global _away_until
    if time.monotonic() < _away_until:
        raise LayerAway("it did not answer a moment ago")
    sending = asyncio.run_coroutine_threadsafe(_twice(send), _sender(os.getpid()))
    try:
        sending.result(LAYER_SECONDS)
    except TimeoutError:
        _away_until = time.monotonic() + RETRY_SECONDS
        sending.cancel()
        raise TimeoutError(f"no answer in {LAYER_SECONDS:.0f} seconds") from None


@cache
def _sender(pid: int) -> asyncio.AbstractEventLoop:  # a forked process does not inherit threads
    loop = asyncio.new_event_loop()

    def run() -> None:
        loop.run_forever()
        loop.close()  # and with it, by Channels' Redis layers, the connection

    def stop() -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_SECONDS)

    thread = Thread(target=run, name="realtime-sender", daemon=True)
    thread.start()
    atexit.register(stop)
    return loop


async def _twice(send: Callable[[], Awaitable[None]]) -> None:
    try:
        await send()
    except Exception:  # the connection may have broken since it was last used; try a new one
        await send()
