"""The rosters of rooms as topics."""

import asyncio
import logging
from collections.abc import Collection, Mapping

from presence.frames import ROOM_PREFIX
from presence.running import running_attendance
from presence.stores import StoreUnavailable
from realtime.topics import Topic

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 1


class RosterTopic(Topic):
    """The topic `presence:general` is who is in the room `general`."""

    prefix = ROOM_PREFIX

    def latest_revisions(self, keys: Collection[str]) -> Mapping[str, int]:
        """Called in a thread, while the store belongs to the event loop."""
        attendance = running_attendance()
        if attendance is None:
            return {}
        reading = attendance.store.versions(list(keys))
        versions = asyncio.run_coroutine_threadsafe(reading, attendance.loop)
        try:
            return versions.result(ANSWER_SECONDS)
        except (StoreUnavailable, TimeoutError):
            versions.cancel()
            logger.warning("Presence: the versions of rosters could not be read")
            return {}
