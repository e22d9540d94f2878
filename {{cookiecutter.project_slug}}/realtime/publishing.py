"""Publishing: call these from any code, async or not, in a transaction or not.

Each waits for the commit of an open transaction, and does nothing if that is rolled back.
"""

import asyncio
import logging
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

from realtime.engine import running_engine, this_engine
from realtime.hub import CONTROL, LayerMessage, group_name, stamped
from realtime.protocol import CloseCode, encode_event

logger = logging.getLogger(__name__)

BATCH_CHARACTERS = 262_144
"""The size of a message that carries many events; one that is larger would hold up the others."""


class Event(NamedTuple):
    """One of many events, for `publish_many`; see `publish` for its parts."""

    audience: str
    type: str
    data: object
    rev: int | None = None


def publish(
    topic: str, type: str, data: object, rev: int | None = None, audience: str | None = None
) -> None:
    """Send an event to all who hear `topic`.

    Args:
        topic: the topic that the frame names.
        type: the event's type, such as `message.created`.
        data: whatever msgspec encodes as JSON; dates, UUIDs and sets included.
        rev: the revision that the event brings its topic to.
        audience: who hears it, where that is not everyone on `topic`.
    """
    audience = audience or topic
    text = encode_event(topic, type, data, rev)
    _send_on_commit(audience, {"type": "realtime.event", "audience": audience, "text": text})


def publish_many(topic: str, events: Iterable[Event]) -> None:
    """Send many events of one topic, each to its own audience, in few messages.

    Every process gets every event, and those that have no socket of an audience drop it: for
    10,000 people this costs the layer some twenty messages, where `publish` would cost 10,000.
    """
    batch: list[tuple[str, str]] = []
    size = 0
    for event in events:
        text = encode_event(topic, event.type, event.data, event.rev)
        if batch and size + len(text) > BATCH_CHARACTERS:
            _send_on_commit(CONTROL, {"type": "realtime.events", "events": batch})
            batch, size = [], 0
        batch.append((event.audience, text))
        size += len(text)
    if batch:
        _send_on_commit(CONTROL, {"type": "realtime.events", "events": batch})


def dismiss(audience: str, user_id: int, code: CloseCode, reason: str) -> None:
    """End one person's subscriptions of `audience`, in every process."""
    message = {"audience": audience, "user_id": user_id, "code": int(code), "reason": reason}
    _send_on_commit(audience, {"type": "realtime.dismiss", **message})


def sign_out(user_id: int, session_key: str | None = None) -> None:
    """Close a person's sockets with 4401, in every process: all, or those of one session."""
    message = {"type": "realtime.sign_out", "user_id": user_id, "session_key": session_key}
    _send_on_commit(CONTROL, message)


def recheck(user_id: int) -> None:
    """Let every process check now whether a person's sockets are still signed in."""
    _send_on_commit(CONTROL, {"type": "realtime.recheck", "user_id": user_id})


def _send_on_commit(audience: str, message: LayerMessage) -> None:
    if _in_event_loop():  # where Django has no transactions
        this_engine().hub.send(audience, message)
    else:
        transaction.on_commit(partial(_send_from_thread, audience, message))


def _send_from_thread(audience: str, message: LayerMessage) -> None:
    engine = running_engine()
    if engine is not None:
        engine.hub.loop.call_soon_threadsafe(engine.hub.send, audience, message)
        return
    try:
        async_to_sync(_send_alone)(audience, message)
    except Exception as error:  # what was committed stands; sockets find the gap by themselves
        logger.warning("The channel layer did not take an event for %s: %s", audience, error)


async def _send_alone(audience: str, message: LayerMessage) -> None:
    await get_channel_layer().group_send(group_name(audience), stamped(message))


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
