"""Where presence is kept: in Redis, or in the memory of a single process."""

import msgspec
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from presence.stores.interface import Store, Timing
from presence.stores.memory import MemoryStore
from presence.stores.redis import RedisStore


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
        return RedisStore(settings.REDIS_URL, timing, f"{settings.REDIS_PREFIX}presence:")
    return MemoryStore(timing)
