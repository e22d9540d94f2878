"""Channels' first layer for Redis, without a traceback where Redis goes."""

from contextlib import suppress

from channels_redis.core import RedisChannelLayer
from redis.exceptions import RedisError


class CoreChannelLayer(RedisChannelLayer):
    async def _clean_receive_backup(self, index: int, channel: str) -> None:
        """Forget a message that was received; nobody awaits this, and so hears that it failed."""
        with suppress(RedisError, OSError):  # the message comes again
            await super()._clean_receive_backup(index, channel)
