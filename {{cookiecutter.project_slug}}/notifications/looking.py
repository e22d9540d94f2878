"""Who is looking at what right now: they need not be told of it.

A client says so with `looking`, for as long as its page shows the target and can be seen, and again
every half minute. What a client says holds for `LEASE_SECONDS`, so one that vanishes without a
word, or whose process is killed, stops looking by itself. In doubt nobody looks: a notification
too many is dismissed at a glance, while one too few is missed.
"""

import logging
import threading
import time
from collections.abc import Collection
from functools import cache
from typing import Protocol

from django.conf import settings
from redis import Redis, RedisError

from realtime.redis import Pool

logger = logging.getLogger(__name__)

Look = tuple[int, str]
"""A person, by id, and the target that they look at."""

LEASE_SECONDS = 45
ANSWER_SECONDS = 1.0  # longer than this, and whoever tells people would be held up


class Store(Protocol):
    """Keeps, for some seconds, which connections of a person look at which target."""

    def look(self, user_id: int, target: str, connection: str) -> None:
        """The connection looks at the target; said again, it keeps looking."""

    def turn_away(self, user_id: int, target: str, connection: str) -> None:
        """The connection looks at the target no longer."""

    def who(self, looks: Collection[Look]) -> set[Look]:
        """Those of some looks that somebody really takes."""


class MemoryStore:
    """For a site of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[Look, dict[str, float]] = {}

    def look(self, user_id: int, target: str, connection: str) -> None:
        with self._lock:
            looks = self._until.setdefault((user_id, target), {})
            looks[connection] = time.monotonic() + LEASE_SECONDS

    def turn_away(self, user_id: int, target: str, connection: str) -> None:
        with self._lock:
            looks = self._until.get((user_id, target), {})
            looks.pop(connection, None)
            if not looks:
                self._until.pop((user_id, target), None)

    def who(self, looks: Collection[Look]) -> set[Look]:
        now = time.monotonic()
        with self._lock:
            return {
                look
                for look in looks
                if any(until > now for until in self._until.get(look, {}).values())
            }


class RedisStore:
    """For any number of processes: a set of connections per person and target, which expires.

    A connection that vanished may stay in the set for as long as another of the same person renews
    it; that other one is looking, so the answer is right all the same.
    """

    def __init__(self, url: str, prefix: str = "looking:") -> None:
        self._prefix = prefix
        self._client = Redis(
            connection_pool=Pool.from_url(
                url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
            )
        )

    def look(self, user_id: int, target: str, connection: str) -> None:
        key = self._key(user_id, target)
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.sadd(key, connection)
            pipeline.expire(key, LEASE_SECONDS)
            pipeline.execute()

    def turn_away(self, user_id: int, target: str, connection: str) -> None:
        self._client.srem(self._key(user_id, target), connection)

    def who(self, looks: Collection[Look]) -> set[Look]:
        with self._client.pipeline(transaction=False) as pipeline:
            for look in looks:
                pipeline.exists(self._key(*look))
            there = pipeline.execute()
        return {look for look, is_there in zip(looks, there, strict=True) if is_there}

    def _key(self, user_id: int, target: str) -> str:
        return f"{self._prefix}{user_id}:{target}"


@cache
def store() -> Store:
    """The store that the settings ask for."""
    if settings.REDIS_URL:
        return RedisStore(settings.REDIS_URL, f"{settings.REDIS_PREFIX}looking:")
    return MemoryStore()


def who_looks(looks: Collection[Look]) -> set[Look]:
    """Those of some looks that somebody really takes; none, where the store does not answer."""
    if not looks:
        return set()
    try:
        return store().who(looks)
    except RedisError as error:
        logger.warning("Who looks where could not be read: %s", error)
        return set()


def move_gaze(user_id: int, connection: str, before: str | None, now: str | None) -> None:
    """A connection that looked at one target looks at another; None is nothing."""
    try:
        if before is not None and before != now:
            store().turn_away(user_id, before, connection)
        if now is not None:
            store().look(user_id, now, connection)
    except RedisError as error:
        logger.warning("Where a person looks could not be written down: %s", error)
