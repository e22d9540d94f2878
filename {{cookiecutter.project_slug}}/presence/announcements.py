"""Announcements as events, and as what is kept of them."""

import logging
from collections.abc import Sequence

from presence.actions import record_last_seen
from presence.queries import people_by_id
from presence.stores.interface import Announcement, State
from presence.topics import room_topic
from presence.wire import Changed, changed
from realtime.database import in_database
from realtime.delivery.publishing import publish

logger = logging.getLogger(__name__)


async def tell(announcements: Sequence[Announcement]) -> None:
    """Keep when people were last seen, and publish announcements, each to its room."""
    here = {
        user
        for heard in announcements
        for user, state in heard.people.items()
        if state != State.OFFLINE
    }
    people = await in_database(people_by_id, here) if here else {}
    events = [changed(heard, people) for heard in announcements]
    await _record(events)
    for heard, event in zip(announcements, events, strict=True):
        publish(room_topic(heard.room), "presence.changed", event, rev=heard.version)


async def _record(events: Sequence[Changed]) -> None:
    seen = {left.id: left.last_seen for event in events for left in event.left}
    if not seen:
        return
    try:
        await in_database(record_last_seen, seen)
    except Exception:  # the event matters more
        logger.exception("Presence: when %d people were last seen is not kept", len(seen))
