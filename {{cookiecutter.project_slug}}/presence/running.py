"""The attendance of the running process: what it reads, what it publishes, and who asks it."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence

import msgspec
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from presence.actions import record_last_seen
from presence.attendance import Attendance, Store
from presence.frames import HERE, Changed, changed, room_topic
from presence.queries import people_by_id, rooms_of, visibilities_by_id
from presence.stores import Announcement, State, StoreUnavailable, Timing
from presence.stores.memory import MemoryStore
from presence.stores.redis import KEY_PREFIX, RedisStore
from realtime.database import in_database
from realtime.delivery.engine import this_engine
from realtime.delivery.publishing import publish
from realtime.topics import Pair, Topic

logger = logging.getLogger(__name__)

VERSIONS_SECONDS = 1  # that a heartbeat waits for the store

_attendance: Attendance | None = None


def this_attendance() -> Attendance:
    """The running event loop's attendance, made on first use; it ends with the engine."""
    global _attendance
    if _attendance is None or _attendance.loop is not asyncio.get_running_loop():
        _attendance = Attendance(open_store(), publish_announcements, _read_visibilities)
        this_engine().at_stop.append(_stop)
    return _attendance


def running_attendance() -> Attendance | None:
    """The process's attendance, from any thread; None if presence was never joined here."""
    return _attendance if _attendance is not None and _attendance.loop.is_running() else None


async def _stop() -> None:
    global _attendance
    attendance, _attendance = _attendance, None
    if attendance is not None:
        await attendance.stop()


async def _read_visibilities(user_ids: Collection[int]) -> dict[int, int]:
    return await in_database(visibilities_by_id, user_ids)


def open_store() -> Store:
    """The store that the settings ask for.

    Raises:
        ImproperlyConfigured: `settings.PRESENCE` has an unknown key or a value of a wrong type.
    """
    try:
        timing = msgspec.convert(getattr(settings, "PRESENCE", {}), Timing)
    except msgspec.ValidationError as error:
        raise ImproperlyConfigured(f"PRESENCE: {error}") from None
    if settings.REDIS_URL:
        return RedisStore(settings.REDIS_URL, timing, settings.REDIS_PREFIX + KEY_PREFIX)
    return MemoryStore(timing)


async def publish_announcements(announcements: Sequence[Announcement]) -> None:
    """Save when people were last seen, and publish each announcement to its room."""
    here = {
        user
        for announcement in announcements
        for user, state in announcement.people.items()
        if state != State.OFFLINE
    }
    people = await in_database(people_by_id, here) if here else {}
    events = [changed(announcement, people) for announcement in announcements]
    await _save_last_seen(events)
    for announcement, event in zip(announcements, events, strict=True):
        topic = room_topic(announcement.room)
        publish(topic, "presence.changed", event, rev=announcement.version)


async def _save_last_seen(events: Sequence[Changed]) -> None:
    seen = {left.id: left.last_seen for event in events for left in event.left}
    if not seen:
        return
    try:
        await in_database(record_last_seen, seen)
    except Exception:  # the event is published all the same
        logger.exception("Presence: when %d people were last seen is not saved", len(seen))


class RosterTopic(Topic):
    """The topic `presence:general` is who is in the room `general`."""

    prefix = HERE

    def hearers(self, pairs: Collection[Pair]) -> set[Pair]:
        rooms = rooms_of({user_id for _, user_id in pairs})
        return {(room, user_id) for room, user_id in pairs if room in rooms.get(user_id, ())}

    def latest_revisions(self, keys: Collection[str]) -> Mapping[str, int]:
        """Called in a thread, while the store belongs to the event loop."""
        attendance = running_attendance()
        if attendance is None:
            return {}
        reading = attendance.store.rosters(list(keys), limit=0)
        rosters = asyncio.run_coroutine_threadsafe(reading, attendance.loop)
        try:
            return {roster.room: roster.version for roster in rosters.result(VERSIONS_SECONDS)}
        except (StoreUnavailable, TimeoutError):
            rosters.cancel()
            logger.warning("Presence: the versions of rosters could not be read")
            return {}
