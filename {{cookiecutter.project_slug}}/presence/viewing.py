"""Who views what: asked before people are notified of something that is on their screen.

A connection views a topic while its page shows the topic, can be seen and is in use (the command
`state` of the topic `presence`). Where the store does not answer, nobody views anything: a
notification too many is dismissed at a glance, while one too few is missed.
"""

from collections.abc import Collection
from functools import cache

from django.conf import settings
from django.db import connection

from presence.running import open_store, running_attendance
from presence.stores import View


def viewers(topics: Collection[str]) -> set[View]:
    """The people, each with the topic, who view one of `topics` now.

    Synchronous; for any thread of a server, and for management commands. Call it before a
    transaction: inside one, where rows may be locked, Redis is not asked and nobody views anything.
    It waits for Redis 0.1 seconds at most, and once an outage.
    """
    return set() if connection.in_atomic_block else read_viewers(topics)


def read_viewers(topics: Collection[str]) -> set[View]:
    """As `viewers`, from the store that the settings ask for."""
    if not topics:
        return set()
    if settings.REDIS_URL:
        return _redis().viewers(topics)
    attendance = running_attendance()
    return attendance.store.viewers(topics) if attendance else set()


_redis = cache(open_store)
