"""The hub: one subscription per process and group, one encoding per event.

A group is a name that frames are published to: most often the topic itself, sometimes one
person's (`inbox:7`). The hub joins the layer's group of that name when the first local socket
subscribes and leaves it with the last, so that an event costs the layer one message per process
and each process one write per socket. Events that wait for the layer travel, and are written,
together.
"""

import asyncio
import itertools
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import groupby, islice
from typing import Any, Protocol
from uuid import uuid4

from channels.layers import get_channel_layer

from realtime import metrics
from realtime.delivery.socket import Frame, Socket
from realtime.protocol import CloseCode, ErrorCode, Refusal

logger = logging.getLogger(__name__)

CONTROL = "realtime:control"
LAYER_SECONDS = 3.0  # the longest that one call of the layer may take
PROBE_SECONDS = 2.0  # how often the layer is asked for an echo
REJOIN_SECONDS = 0.05  # how often it is looked whether all groups are joined, at first
SUBSCRIBE_SECONDS = 2.0  # how long a join waits for a layer that does not answer
CONFIRM_SECONDS = 0.05  # when a group that was joined is called again, if it was not heard
FLUSH_SECONDS = 0.01  # how often a hub that stops looks whether all is sent
RETRY_SECONDS = 5.0  # the longest pause between two attempts to reach the layer
OUTGOING_EVENTS = 10_000
GROUP_PREFIX = "realtime.on."  # keeps the names of stock consumers' groups free
GROUP_CHARACTERS = 99 - len(GROUP_PREFIX)  # layers allow a group's name 99
PACKED_EVENTS = 100

LayerMessage = dict[str, Any]  # Any: what a channel layer carries


class Subscriber(Protocol):
    """A consumer that stands behind a subscription."""

    socket: Socket
    user_id: int

    def dismiss(self, group: str, code: CloseCode, reason: str) -> None:
        """The user may no longer hear `group`."""


class Group:
    """The local sockets of one group, and whether the layer knows of them."""

    __slots__ = ("joined", "sockets", "subscribers")

    def __init__(self) -> None:
        self.sockets: dict[Socket, int] = {}  # how many subscribers share the socket
        self.subscribers: set[Subscriber] = set()
        self.joined = asyncio.Event()  # set while the layer's group has this process in it

    def add(self, subscriber: Subscriber) -> None:
        if subscriber not in self.subscribers:
            self.subscribers.add(subscriber)
            self.sockets[subscriber.socket] = self.sockets.get(subscriber.socket, 0) + 1

    def remove(self, subscriber: Subscriber) -> None:
        if subscriber in self.subscribers:
            self.subscribers.remove(subscriber)
            self.sockets[subscriber.socket] -= 1
            if not self.sockets[subscriber.socket]:
                del self.sockets[subscriber.socket]


class Hub:
    """A process's part in the channel layer. Belongs to one event loop.

    Args:
        on_gap: called after the layer has failed and works again, when events may be missing.
        on_control: called with each control message of `publishing`.
    """

    def __init__(
        self,
        on_gap: Callable[[], None],
        on_control: Callable[[LayerMessage], None],
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._layer = get_channel_layer()
        self._on_gap = on_gap
        self._on_control = on_control
        self._channel: str | None = None
        self._groups: dict[str, Group] = {}
        self._probe = f"realtime.probe.{uuid4().hex}"
        # The layer's groups that should be joined, each with its own group, and those that are.
        self._layer_groups: dict[str, str] = {self._probe: "", layer_group(CONTROL): ""}
        self._in_groups: set[str] = set()
        self._unconfirmed: dict[str, int] = {}  # joined, and called by this number
        self._calls = itertools.count()
        self._changed = asyncio.Event()
        self._outgoing: dict[str, deque[LayerMessage]] = {}
        self._waiting = 0  # messages, over all groups
        self._to_send = asyncio.Event()
        self.answering = asyncio.Event()
        """Set while the layer carries what this process sends."""
        self._echoed = asyncio.Event()
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = self.loop.create_task(self._run())

    async def stop(self) -> None:
        """Send what waits, leave the layer and end every task."""
        if self._task is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAYER_SECONDS):
                    while self._waiting and not self._task.done():
                        await asyncio.sleep(FLUSH_SECONDS)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    # Subscribing

    async def subscribe(self, group: str, subscriber: Subscriber) -> None:
        """Let `subscriber`'s socket hear `group` from now on.

        Returns when the layer delivers to this process; or, when the layer does not answer, after
        a short wait: what is missed then is told by `on_gap`.

        Raises:
            Refusal: `not_found`, no layer has so long a name.
        """
        if len(group) > GROUP_CHARACTERS:
            raise Refusal(ErrorCode.NOT_FOUND, "There is nothing of that name.")
        local = self._groups.get(group)
        if local is None:
            local = self._groups[group] = Group()
            self._layer_groups[layer_group(group)] = group
            self._changed.set()
        local.add(subscriber)
        if not local.joined.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(SUBSCRIBE_SECONDS):
                    await local.joined.wait()

    def unsubscribe(self, group: str, subscriber: Subscriber) -> None:
        """Undo `subscribe`; harmless where there is nothing to undo."""
        local = self._groups.get(group)
        if local is None:
            return
        local.remove(subscriber)
        if not local.subscribers:
            del self._groups[group]
            self._layer_groups.pop(layer_group(group), None)
            self._changed.set()

    @property
    def groups(self) -> Iterable[str]:
        """The groups with a socket in this process."""
        return self._groups.keys()

    def subscribers(self, group: str) -> list[Subscriber]:
        local = self._groups.get(group)
        return [] if local is None else list(local.subscribers)

    # Sending

    def send(self, group: str, message: LayerMessage) -> None:
        """Send `message` to every process that listens to `group`, in the order of the calls."""
        if self._waiting >= OUTGOING_EVENTS:
            metrics.events_dropped.inc()
            logger.warning("The channel layer is behind: an event for %s is dropped.", group)
            return
        self._outgoing.setdefault(layer_group(group), deque()).append(stamped(message))
        self._waiting += 1
        self._to_send.set()

    def deliver(self, group: str, *texts: str) -> None:
        """Write the `texts` of events to the group's sockets in this process."""
        local = self._groups.get(group)
        if local is not None:
            metrics.frames_sent.inc(len(local.sockets) * len(texts))
            frame = Frame(*texts, topic=group)
            for socket in local.sockets:
                socket.write(frame)

    # Being part of the layer

    async def _run(self) -> None:
        try:
            await self._stay()
        finally:
            if self._waiting:
                metrics.events_dropped.inc(self._waiting)
                logger.warning("The engine ended with %s events not sent.", self._waiting)

    async def _stay(self) -> None:
        while True:
            try:
                await self._take_part()
            except* Exception as failed:
                self._failures += 1
                self.answering.clear()
                metrics.layer_failures.inc()
                logger.warning(
                    "The channel layer failed, so live events are delayed until it answers: %s",
                    "; ".join(f"{type(error).__name__} {error}" for error in failed.exceptions),
                )
            self._in_groups.clear()
            self._unconfirmed.clear()
            for local in self._groups.values():
                local.joined.clear()
            await asyncio.sleep(
                random.uniform(0.1, min(RETRY_SECONDS, 0.2 * 2 ** min(self._failures, 8)))
            )

    async def _take_part(self) -> None:
        if self._channel is None:  # one for good: layers keep the names of those that were left
            async with asyncio.timeout(LAYER_SECONDS):
                self._channel = await self._layer.new_channel()
        channel = self._channel
        if self._outgoing:
            self._to_send.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive(channel))  # first: it opens the channel again
            tasks.create_task(self._keep_groups(channel))
            tasks.create_task(self._send_outgoing())
            tasks.create_task(self._keep_probing())

    async def _receive(self, channel: str) -> None:
        while True:
            message: LayerMessage = await self._layer.receive(channel)
            packed = message["messages"] if message["type"] == "realtime.pack" else [message]
            for group, messages in groupby(packed, _group_of_event):
                if group is not None:
                    self._deliver_events(group, list(messages))
                else:
                    for each in messages:
                        self._obey(each)

    def _deliver_events(self, group: str, events: list[LayerMessage]) -> None:
        self.deliver(group, *(event["text"] for event in events))
        now = time.time()
        for event in events:
            metrics.delivery_seconds.observe(max(now - event["at"], 0.0))

    def _obey(self, message: LayerMessage) -> None:
        if message["type"] == "realtime.call":
            self._hear_call(message)
        elif message["type"] == "realtime.echo":
            self._echoed.set()
        else:
            self._on_control(message)

    async def _keep_groups(self, channel: str) -> None:
        self._changed.set()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CONFIRM_SECONDS if self._unconfirmed else None):
                    await self._changed.wait()
            self._changed.clear()
            for name in self._layer_groups.keys() - self._in_groups:
                async with asyncio.timeout(LAYER_SECONDS):
                    await self._layer.group_add(name, channel)
                self._in_groups.add(name)
                self._unconfirmed[name] = next(self._calls)
            for name in self._in_groups - self._layer_groups.keys():
                self._in_groups.discard(name)
                self._unconfirmed.pop(name, None)
                async with asyncio.timeout(LAYER_SECONDS):
                    await self._layer.group_discard(name, channel)
            for name, call in list(self._unconfirmed.items()):
                await self._call(name, call)
            for group, local in self._groups.items():
                if not local.joined.is_set():
                    self._let_join(layer_group(group), local)

    async def _call(self, name: str, call: int) -> None:
        """Ask through the layer whether a group is joined: `group_add` may return before it is."""
        message = {"type": "realtime.call", "by": self._probe, "group": name, "call": call}
        async with asyncio.timeout(LAYER_SECONDS):
            await self._layer.group_send(name, message)

    def _hear_call(self, message: LayerMessage) -> None:
        name = message["group"]
        if message["by"] == self._probe and self._unconfirmed.get(name) == message["call"]:
            del self._unconfirmed[name]
            local = self._groups.get(self._layer_groups.get(name, ""))
            if local is not None:
                self._let_join(name, local)

    def _let_join(self, name: str, local: Group) -> None:
        if name in self._in_groups and name not in self._unconfirmed:
            local.joined.set()

    async def _send_outgoing(self) -> None:
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            while self._outgoing:
                await self._send_first(next(iter(self._outgoing)))

    async def _send_first(self, name: str) -> None:
        """Send what waits for a group in one message; it is let go only once it was sent."""
        waiting = self._outgoing[name]
        pack = list(islice(waiting, PACKED_EVENTS))
        message = pack[0] if len(pack) == 1 else {"type": "realtime.pack", "messages": pack}
        async with asyncio.timeout(LAYER_SECONDS):
            await self._layer.group_send(name, message)
        for _ in pack:
            waiting.popleft()
        self._waiting -= len(pack)
        del self._outgoing[name]
        if waiting:  # more came meanwhile: its turn is after the others'
            self._outgoing[name] = waiting

    async def _keep_probing(self) -> None:
        """Raise when an echo through the layer does not come back in time."""
        while True:
            if self.answering.is_set() or self._in_all_groups:
                self._echoed.clear()
                async with asyncio.timeout(LAYER_SECONDS):
                    await self._layer.group_send(self._probe, {"type": "realtime.echo"})
                    await self._echoed.wait()
                self.answering.set()
                if self._failures:
                    self._failures = 0
                    logger.info("The channel layer answers again.")
                    self._on_gap()
            await asyncio.sleep(PROBE_SECONDS if self.answering.is_set() else REJOIN_SECONDS)

    @property
    def _in_all_groups(self) -> bool:
        return self._layer_groups.keys() <= self._in_groups and not self._unconfirmed


def _group_of_event(message: LayerMessage) -> str | None:
    group: str | None = message["group"] if message["type"] == "realtime.event" else None
    return group


def stamped(message: LayerMessage) -> LayerMessage:
    """`message` with the time at which it was sent, on this machine's clock."""
    return {**message, "at": time.time()}


def layer_group(group: str) -> str:
    """The layer's name for `group`: layers allow letters, digits, hyphens and full stops."""
    return GROUP_PREFIX + group.replace(":", ".")
