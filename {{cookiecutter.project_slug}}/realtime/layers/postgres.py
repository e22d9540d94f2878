"""A channel layer over PostgreSQL's LISTEN and NOTIFY, without a table.

All processes hear all messages on one channel of PostgreSQL, and each keeps those for its channels
and groups. What is sent to a named channel reaches every process that listens there, as it does
over Redis's pub/sub.
"""

import asyncio
import logging
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec
from channels.layers import BaseChannelLayer
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from realtime.layers import leftovers

logger = logging.getLogger(__name__)

PART_CHARACTERS = 7_700  # a notification has fewer than 8,000 bytes, its target's name included
NOTIFY = "SELECT pg_notify(%s, part) FROM unnest(%s::text[]) AS part"  # one transaction, in order
CONNECTION: dict[str, Any] = {  # Any: libpq's; a machine that is gone is noticed in seconds
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 5_000,
}

Message = dict[str, Any]  # Any: what a channel layer carries


class PostgresChannelLayer(BaseChannelLayer):
    """Carries what `realtime` publishes and what stock consumers send, each at most once.

    Args:
        url: a connection URI of libpq, of a server and not of a pooler in transaction mode.
        prefix: the name of the channel of PostgreSQL.
        capacity: how many messages may wait in a channel; those beyond are dropped.
    """

    extensions = ["groups"]

    def __init__(self, url: str, prefix: str = "asgi", **options: Any) -> None:  # Any: as the base
        super().__init__(**options)
        self._url = url
        self._prefix = prefix
        self._parts: dict[asyncio.AbstractEventLoop, LoopPart] = {}

    async def new_channel(self, prefix: str = "specific") -> str:
        channel = f"{prefix}!{uuid4().hex}"
        self._part.open(channel)
        leftovers.note(partial(self._part.close, channel))
        await self._part.listen()
        return channel

    async def send(self, channel: str, message: Message) -> None:
        self.require_valid_channel_name(channel)
        await self._part.send({channel: message})

    async def receive(self, channel: str) -> Message:
        """The next message of the channel.

        Raises:
            ConnectionError: the connection was lost, and maybe messages with it.
        """
        part = self._part
        queue = part.open(channel)
        try:
            await part.listen()
            data = await queue.get()
        except asyncio.CancelledError:  # its consumer ends
            part.close(channel)
            raise
        if data is None:
            raise ConnectionError("PostgreSQL has ended the connection")
        message: Message = msgspec.msgpack.decode(data)
        return message

    async def group_add(self, group: str, channel: str) -> None:
        """Let the channel hear the group.

        Raises:
            RuntimeError: the channel is not of this process, as of Channels' layer over pub/sub.
        """
        self.require_valid_group_name(group)
        self.require_valid_channel_name(channel)
        self._part.join(group, channel)
        await self._part.listen()

    async def group_discard(self, group: str, channel: str) -> None:
        members = self._part.groups.get(group, set())
        members.discard(channel)
        if not members:
            self._part.groups.pop(group, None)

    async def group_send(self, group: str, message: Message) -> None:
        await self.group_send_all({group: message})

    async def group_send_all(self, messages: dict[str, Message]) -> None:
        """As `group_send`, each of `messages` to its group, in one round trip.

        Those that are sent are taken out of `messages`.
        """
        for group in messages:
            self.require_valid_group_name(group)
        await self._part.send({f"/{group}": message for group, message in messages.items()})
        messages.clear()

    @property
    def _part(self) -> "LoopPart":
        loop = asyncio.get_running_loop()
        if loop not in self._parts:
            self._parts[loop] = LoopPart(self._url, self._prefix, self.get_capacity)
            close = loop.close

            def close_with_part() -> None:
                self._parts.pop(loop).end_sender()
                close()

            loop.close = close_with_part  # type: ignore[method-assign]
        return self._parts[loop]


class LoopPart:
    """What one event loop has of the layer: its channels, its groups and two connections."""

    def __init__(self, url: str, prefix: str, capacity: Callable[[str], int]) -> None:
        self.groups: dict[str, set[str]] = {}
        self._url = url
        self._prefix = prefix
        self._capacity = capacity
        # None in a queue tells that the connection was lost.
        self._queues: dict[str, asyncio.Queue[bytes | None]] = {}
        self._sender: AsyncConnection | None = None
        self._sending = asyncio.Lock()
        self._listening = asyncio.Lock()
        self._taking: asyncio.Task[None] | None = None

    def open(self, channel: str) -> asyncio.Queue[bytes | None]:
        return self._queues.setdefault(channel, asyncio.Queue())

    def join(self, group: str, channel: str) -> None:
        if channel not in self._queues:
            raise RuntimeError(
                f"{channel} is no channel of this process, so nothing could reach it here: call "
                "group_add() in the consumer, with its own channel_name."
            )
        self.groups.setdefault(group, set()).add(channel)

    def close(self, channel: str) -> None:
        if self._queues.pop(channel, None) is None:
            return
        left = {group: members - {channel} for group, members in self.groups.items()}
        self.groups = {group: members for group, members in left.items() if members}
        if not self._queues and self._taking is not None:
            self._taking.cancel()
            self._taking = None

    async def send(self, messages: Mapping[str, Message]) -> None:
        """Send each of `messages` to its target."""
        parts = []
        for target, message in messages.items():
            text = b64encode(msgspec.msgpack.encode(message)).decode()
            starts = range(0, len(text), PART_CHARACTERS)
            parts += [  # with how many follow
                f"{target} {len(starts) - number} {text[start : start + PART_CHARACTERS]}"
                for number, start in enumerate(starts, 1)
            ]
        async with self._sending:
            try:
                if self._sender is None:
                    self._sender = await self._connect()
                await self._sender.execute(NOTIFY, [self._prefix, parts])
            except BaseException:  # or an end by a timeout, which may leave it in any state
                self.end_sender()
                raise

    async def listen(self) -> None:
        """Return once this loop hears what is sent."""
        async with self._listening:
            if self._taking is None or self._taking.done():
                connection = await self._connect()
                try:
                    await connection.execute(SQL("LISTEN {}").format(Identifier(self._prefix)))
                except BaseException:
                    connection.pgconn.finish()
                    raise
                self._taking = asyncio.create_task(self._take(connection))

    async def _connect(self) -> AsyncConnection:
        return await AsyncConnection.connect(self._url, autocommit=True, **CONNECTION)

    def end_sender(self) -> None:
        if self._sender is not None:
            self._sender.pgconn.finish()
            self._sender = None

    async def _take(self, connection: AsyncConnection) -> None:
        """Put what arrives into its queues, until the connection is lost."""
        text = ""
        try:
            async for notification in connection.notifies():
                target, following, part = notification.payload.split(" ")
                text += part  # the parts of a message come together: a transaction is one piece
                if following == "0":
                    self._deliver(target, b64decode(text))
                    text = ""
        except Exception as error:
            logger.debug("LISTEN: %s", error)
            for queue in self._queues.values():
                queue.put_nowait(None)  # whoever receives is told, and listens again
        finally:
            connection.pgconn.finish()

    def _deliver(self, target: str, data: bytes) -> None:
        for channel in self.groups.get(target[1:], ()) if target[0] == "/" else (target,):
            queue = self._queues.get(channel)
            if queue is not None and queue.qsize() < self._capacity(channel):
                queue.put_nowait(data)
            elif queue is not None:
                logger.warning("The channel %s is full: a message is dropped.", channel)
