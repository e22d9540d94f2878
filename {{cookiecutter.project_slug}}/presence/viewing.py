"""Who views what: asked before people are notified of something that is on their screen.

A connection views a topic while its page shows the topic, can be seen and is in use (the command
`state` of the topic `presence`). Where the store does not answer, nobody views anything: a
notification too many is dismissed at a glance, while one too few is missed.
"""

import logging
import threading
import time
from collections.abc import Collection
from functools import cache

from django.conf import settings
from django.db import connection
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotConnected
from redis.retry import Retry

from presence.attendance import running_attendance
from presence.stores import View
from presence.stores.memory import MemoryStore
from presence.stores.redis import KEY_PREFIX, script
from realtime.redis import Pool

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 0.1
RETRY_SECONDS = 1


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
        return _redis_viewers().read(topics)
    attendance = running_attendance()
    if attendance is None or not isinstance(attendance.store, MemoryStore):
        return set()
    return attendance.store.viewers(topics)


class RedisViewers:
    """Reads from Redis who views topics.

    After an error nobody is kept waiting: until a thread has found Redis to answer again, nobody
    views anything.
    """

    def __init__(self, url: str, prefix: str = KEY_PREFIX) -> None:
        # Try a second time where an idle connection has died, not where Redis is silent.
        retry = Retry(NoBackoff(), 1, supported_errors=(NotConnected,))
        timeouts = {
            "socket_timeout": ANSWER_SECONDS,
            "socket_connect_timeout": ANSWER_SECONDS,
        }
        self._client = Redis(
            connection_pool=Pool.from_url(url, retry=retry, decode_responses=True, **timeouts)
        )
        self._script = self._client.register_script(script("viewers"))
        self._common_arguments = (prefix, 0, 0)  # no grace, no window: it changes nothing
        self._away = threading.Event()

    def read(self, topics: Collection[str]) -> set[View]:
        """As `viewers`."""
        if self._away.is_set():
            return set()
        try:
            answers = self._script(args=[*self._common_arguments, *topics])
        except RedisError as error:
            logger.warning("Presence: who views what could not be read: %s", error)
            self._wait_for_redis()
            return set()
        return {
            (int(user), topic)
            for topic, users in zip(topics, answers, strict=True)
            for user in users.split()
        }

    def _wait_for_redis(self) -> None:
        if not self._away.is_set():
            self._away.set()
            threading.Thread(target=self._ping, name="presence-viewing", daemon=True).start()

    def _ping(self) -> None:
        while self._away.is_set():
            time.sleep(RETRY_SECONDS)
            try:
                self._client.ping()
            except RedisError:
                continue
            self._away.clear()


@cache
def _redis_viewers() -> RedisViewers:
    return RedisViewers(settings.REDIS_URL, settings.REDIS_PREFIX + KEY_PREFIX)
