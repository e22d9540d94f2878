"""Publishing: call these from any code, async or not, in a transaction or not.

Each waits for the commit of an open transaction, and does nothing if that is rolled back. In a
server the engine takes the event and sends it, late if the layer is away. In a process without an
engine the call returns once the layer has the event, and within `LAYER_SECONDS`; if the layer did
not take it, the log has a warning.

Django has no transactions on an event loop, so an event that async code publishes waits for none.
Let the plain function that has the transaction publish, run by `in_database` or `sync_to_async`.
"""

import asyncio
import logging
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from django.db import transaction

from realtime.delivery.engine import running_engine
from realtime.delivery.hub import CONTROL, LayerMessage
from realtime.delivery.sender import send_alone
from realtime.protocol import CloseCode, encode_event

logger = logging.getLogger(__name__)

BATCH_CHARACTERS = 262_144
"""The size of a message that carries many events; one that is larger would hold up the others."""


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
    text = encode_event(topic, type, data, rev)
    _send_on_commit(group, {"type": "realtime.event", "group": group, "text": text})


def publish_many(topic: str, events: Iterable[Event]) -> None:
    """Send many events of one topic, each to its own group, in few messages.

    Every process gets every event, and those that have no socket of an group drop it: for
    10,000 people this costs the layer some twenty messages, where `publish` would cost 10,000.
    """
    batch: list[tuple[str, str]] = []
    size = 0
    for event in events:
        text = encode_event(topic, event.type, event.data, event.rev)
        if batch and size + len(text) > BATCH_CHARACTERS:
            _send_on_commit(CONTROL, {"type": "realtime.events", "events": batch})
            batch, size = [], 0
        batch.append((event.group, text))
        size += len(text)
    if batch:
        _send_on_commit(CONTROL, {"type": "realtime.events", "events": batch})


def dismiss(group: str, user_id: int, code: CloseCode, reason: str) -> None:
    """End one person's subscriptions of `group`, in every process."""
    message = {"group": group, "user_id": user_id, "code": int(code), "reason": reason}
    _send_on_commit(group, {"type": "realtime.dismiss", **message})


def sign_out(user_id: int, session_key: str | None = None) -> None:
    """Close a person's sockets with 4401, in every process: all, or those of one session."""
    message = {"type": "realtime.sign_out", "user_id": user_id, "session_key": session_key}
    _send_on_commit(CONTROL, message)


def recheck(user_id: int) -> None:
    """Let every process check now whether a person's sockets are still signed in."""
    _send_on_commit(CONTROL, {"type": "realtime.recheck", "user_id": user_id})


def _send_on_commit(group: str, message: LayerMessage) -> None:
    if _in_event_loop():  # where Django has no transactions, and no connections
        _send(group, message)
    else:
        transaction.on_commit(partial(_send, group, message))


def _send(group: str, message: LayerMessage) -> None:
    """Give `message` to the engine of this process; without one, see it to the layer."""
    engine = running_engine()
    try:
        if engine is None:
            send_alone(group, message)
        else:
            engine.call(engine.hub.send, group, message)
    except Exception as error:  # what was committed stands; sockets find the gap by themselves
        logger.warning(
            "The channel layer did not take an event for %s: %s %s",
            group,
            type(error).__name__,
            error,
        )


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
