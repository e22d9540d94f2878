"""The version that each room's roster stands at, for the heartbeat."""

import asyncio
import logging

from presence.process import running_attendance
from presence.stores.interface import StoreUnavailable
from presence.topics import room_of, room_topic
from realtime.heads import heads

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 5


@heads("presence")
def roster_heads(topics: list[str]) -> dict[str, int]:
    """Called in a thread of the engine's, while the store belongs to the event loop."""
    attendance = running_attendance()
    if attendance is None:
        return {}
    asking = attendance.store.versions([room_of(topic) for topic in topics])
    asked = asyncio.run_coroutine_threadsafe(asking, attendance.loop)
    try:
        versions = asked.result(ANSWER_SECONDS)
    except (StoreUnavailable, TimeoutError):
        asked.cancel()
        logger.warning("Presence: the rosters' versions could not be read")
        return {}
    return {room_topic(room): version for room, version in versions.items()}
