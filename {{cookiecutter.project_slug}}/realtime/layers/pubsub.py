"""Channels' layer over Redis's pub/sub, in one round trip for many groups."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer

from realtime.layers import leftovers


class PubSubChannelLayer(RedisPubSubChannelLayer):
    async def new_channel(self, *prefix: str) -> str:
        layer = self._get_layer()
        channel: str = await layer.new_channel(*prefix)
        leftovers.note(partial(_forget, layer, channel))
        return channel

    async def group_add_all(
        self, groups: Collection[str], channel: str
    ) -> Iterable[Collection[str]]:
        """As `group_add`, to each of `groups`.

        Returns them in sets that Redis joins as one: who hears one group hears the others.
        """
        layer = self._get_layer()
        joined: dict[Any, dict[str, str]] = defaultdict(dict)  # Any: a server's connection
        for group in groups:
            name = layer._get_group_channel_name(group)
            layer.groups.setdefault(name, set()).add(channel)
            joined[layer._get_shard(name)][group] = name
        for shard, names in joined.items():
            async with shard._lock:
                shard._ensure_redis()
                shard._ensure_receiver()
                await shard._pubsub.subscribe(*names.values())
                shard._subscribed_to.update(names.values())
        return joined.values()

    async def group_send_all(self, messages: dict[str, Any]) -> None:
        """As `group_send`, each of `messages` to its group, in one round trip to each server.

        Those that are sent are taken out of `messages`, so that a failure tells which are not.
        """
        layer = self._get_layer()
        servers: dict[Any, dict[str, str]] = defaultdict(dict)  # Any: a server's connection
        for group in messages:
            name = layer._get_group_channel_name(group)
            servers[layer._get_shard(name)][group] = name
        for shard, names in servers.items():
            async with shard._lock:
                shard._ensure_redis()
                pipeline = shard._redis.pipeline(transaction=False)
                for group, name in names.items():
                    pipeline.publish(name, self.serialize(messages[group]))
                await pipeline.execute()
            for group in names:
                del messages[group]


def _forget(layer: Any, channel: str) -> None:  # Any: untyped in channels_redis
    if layer.channels.pop(channel, None) is not None:
        for members in layer.groups.values():
            members.discard(channel)
