"""Where presence is kept: in Redis, or in the memory of a single process."""

from django.conf import settings

from presence.stores.interface import Store, Timing
from presence.stores.memory import MemoryStore
from presence.stores.redis import RedisStore


def open_store() -> Store:
    """The store that the settings ask for."""
    if settings.REDIS_URL:
        return RedisStore(settings.REDIS_URL, Timing())
    return MemoryStore(Timing())
