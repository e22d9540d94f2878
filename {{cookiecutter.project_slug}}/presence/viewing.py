"""Who views what, for `realtime.viewing`.

A connection views a topic while its page shows the topic, can be seen and is in use (the command
`state` of the topic `presence`). Where the store does not answer, nobody views anything.
"""

from collections.abc import Collection
from functools import cache

from django.conf import settings

from presence.running import open_store, running_attendance
from realtime.viewing import View


def read_viewers(topics: Collection[str]) -> set[View]:
    """The people who view one of `topics`, from the store that the settings ask for.

    It waits for Redis 0.1 seconds at most, and once an outage.
    """
    if not topics:
        return set()
    if settings.REDIS_URL:
        return _redis().viewers(topics)
    attendance = running_attendance()
    return attendance.store.viewers(topics) if attendance else set()


_redis = cache(open_store)
