"""The rosters of rooms as topics."""

import asyncio
import logging
from collections.abc import Collection, Mapping

from presence.process import running_attendance
from presence.stores.interface import StoreUnavailable
from realtime.topics import Topic, register

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 5


class RosterTopic(Topic):
    """The topic `presence:general` is who is in the room `general`."""

    prefix = "presence"

    def latest_revisions(self, keys: Collection[str]) -> Mapping[str, int]:
        """Called in a thread, while the store belongs to the event loop."""
        attendance = running_attendance()
        if attendance is None:
            return {}
        asking = attendance.store.versions(list(keys))
        asked = asyncio.run_coroutine_threadsafe(asking, attendance.loop)
        try:
            return asked.result(ANSWER_SECONDS)
        except (StoreUnavailable, TimeoutError):
            asked.cancel()
            logger.warning("Presence: the rosters' versions could not be read")
            return {}


register(RosterTopic())
