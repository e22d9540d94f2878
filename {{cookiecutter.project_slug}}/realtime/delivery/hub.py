"""The hub: one subscription per process and group, one encoding per event.

A group is a name that frames are published to: most often the topic itself, sometimes one
person's (`rooms:7`). The hub joins the layer's group of that name when the first local socket
subscribes and leaves it with the last, so that an event costs the layer one message per process
and each process one write per socket. Events that wait for the layer travel, and are written,
together.
"""

import asyncio
import itertools
import logging
import random
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol
from uuid import uuid4

from channels.exceptions import MessageTooLarge
from channels.layers import get_channel_layer
from django.utils.translation import gettext as _

from realtime import metrics
from realtime.delivery.socket import Frame, Socket
from realtime.protocol import CloseCode, ErrorCode, Refusal

logger = logging.getLogger(__name__)

CONTROL = "realtime:control"
LAYER_SECONDS = 3.0  # the longest that one call of the layer may take
PROBE_SECONDS = 2.0  # how often the layer is asked for an echo
REJOIN_SECONDS = 0.05  # how often a hub without an echo checks that all groups are joined
SUBSCRIBE_SECONDS = 2.0  # how long a join waits for a layer that does not answer
CONFIRM_SECONDS = 0.05  # how often a group that was joined is called until the call is heard
FLUSH_SECONDS = 0.01  # how often a hub that stops checks whether everything is sent
RETRY_SECONDS = 5.0  # the longest pause between two attempts to reach the layer
OUTGOING_EVENTS = 10_000
HELD_FRAMES = 1_000  # of one group, for one socket; later ones are dropped, which the client sees
GROUP_PREFIX = "realtime.on."  # keeps the names of stock consumers' groups free
GROUP_CHARACTERS = 99 - len(GROUP_PREFIX)  # layers allow a group's name 99
PLAIN = re.compile(r"[-a-zA-Z0-9_]+(:[-a-zA-Z0-9_]+)*")
DIGEST_PREFIX = "realtime.of."  # of the names of other groups
PACKED_EVENTS = 100
PACKED_CHARACTERS = 200_000  # a larger message would delay others; some layers carry 1 MiB at most
GROUPS_AT_ONCE = 100  # in a call of `group_send_all`

LayerMessage = dict[str, Any]  # Any: what a channel layer carries

JOINED = asyncio.Event()
"""Of every group that is joined: each event of its own takes 0.8 KiB."""
JOINED.set()


class Subscriber(Protocol):
    """A consumer that subscribes to groups."""

    socket: Socket
    user_id: int
    has_joined: bool

    def dismiss(self, group: str, code: CloseCode, reason: str) -> None:
        """The user may no longer hear `group`."""

    @classmethod
    async def heal(cls, subscribers: Sequence[Any]) -> None:  # Any: of this class
        """Make up for what the layer may have lost, beyond events that have a revision."""


NOTHING_HELD: dict[Socket, tuple[set[Subscriber], list[Frame]]] = {}
"""Of every group where nobody waits for a welcome, and never written to: an empty dict of its own
takes 64 bytes."""


class Group:
    """The local subscribers of one group. Most groups have one: those of a person alone."""

    __slots__ = ("held", "joined", "kept", "layer_name", "name", "subscribers")

    def __init__(self, name: str, layer_name: str) -> None:
        self.name = name  # one string, which consumers share: see `Hub.shared_name`
        self.layer_name = layer_name
        self.joined = asyncio.Event()  # set while the layer's group has this process in it
        self.subscribers: dict[Subscriber, None] = {}  # a set of ten takes twice as much
        self.held = NOTHING_HELD
        """Of sockets that wait for a welcome: the subscribers who do, and the frames till then."""

        self.kept: dict[str, Any] | None = None  # Any: as of `Hub.kept`

    @property
    def sockets(self) -> set[Socket]:
        """The sockets of the subscribers, each once."""
        return {subscriber.socket for subscriber in self.subscribers}

    def join(self) -> None:
        self.joined.set()
        self.joined = JOINED

    def hold(self, subscriber: Subscriber) -> None:
        """Keep what the subscriber's socket would hear until `release`."""
        if self.held is NOTHING_HELD:
            self.held = {}
        holders, _ = self.held.setdefault(subscriber.socket, (set(), []))
        holders.add(subscriber)

    def release(self, subscriber: Subscriber) -> None:
        """Write the frames that were kept, unless another subscriber of the socket still waits."""
        holders, frames = self.held.get(subscriber.socket, (set(), []))
        holders.discard(subscriber)
        if not holders:
            self.held.pop(subscriber.socket, None)
            self.held = self.held or NOTHING_HELD
            for frame in frames:
                subscriber.socket.write(frame)


class Hub:
    """A process's part in the channel layer. Belongs to one event loop.

    Args:
        on_gap: called when the layer works again after a failure, so that events may be missing.
        on_control: called with each control message of `publishing`.
    """

    def __init__(
        self,
        on_gap: Callable[[], None],
        on_control: Callable[[LayerMessage], None],
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.answering = asyncio.Event()
        """Set while the layer carries what this process sends."""
        self._layer = get_channel_layer()
        self._on_gap = on_gap
        self._on_control = on_control
        self._channel: str | None = None
        self._probe = f"realtime.probe.{uuid4().hex}"
        self._groups: dict[str, Group] = {}
        # By the layer's name: the groups to be in, those that came since the last round (one that
        # was not left yet is joined at once), those that were added, and by the number of a call
        # that was not heard yet those that are joined when it is.
        self._wanted = {name: Group(name, name) for name in (self._probe, layer_group(CONTROL))}
        self._new: set[str] = set()
        self._added: set[str] = set()
        self._unconfirmed: dict[int, set[str]] = {}
        self._heard_at = 0.0  # when a call was last heard, or the first of several was due
        self._calls = itertools.count()
        self._changed = asyncio.Event()
        self._outgoing: dict[str, list[LayerMessage]] = {}
        self._waiting = 0  # messages, over all groups
        self._to_send = asyncio.Event()
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

    def shared_name(self, group: str) -> str:
        """The string that the hub has for the name of `group`: consumers keep it, not a copy."""
        return self._groups[group].name if group in self._groups else group

    async def subscribe(
        self, groups: Sequence[str], subscriber: Subscriber, *, hold: bool = False
    ) -> None:
        """Let `subscriber`'s socket hear `groups` from now on.

        Returns when the layer delivers to this process what is published to them. If the layer
        does not answer, returns after `SUBSCRIBE_SECONDS`; `on_gap` then follows.

        Args:
            hold: keep what the socket would hear until `release`.

        Raises:
            Refusal: `not_found`, a name is too long for a layer.
        """
        if any(len(group) > GROUP_CHARACTERS for group in groups):
            raise Refusal(ErrorCode.NOT_FOUND, _("There is nothing of that name."))
        joined = [self._hear(group, subscriber, hold).joined for group in groups]
        if not all(each.is_set() for each in joined):
            with suppress(TimeoutError):
                async with asyncio.timeout(SUBSCRIBE_SECONDS):
                    for each in joined:
                        await each.wait()

    def _hear(self, name: str, subscriber: Subscriber, hold: bool) -> Group:
        local = self._groups.get(name)
        if local is None:
            local = self._groups[name] = Group(name, layer_group(name))
            self._wanted[local.layer_name] = local
            self._new.add(local.layer_name)
            self._changed.set()
        if subscriber not in local.subscribers:
            local.subscribers[subscriber] = None
            if hold:
                local.hold(subscriber)
        return local

    def release(self, group: str, subscriber: Subscriber) -> None:
        """Let the socket hear what was held since `subscribe`."""
        if group in self._groups:
            self._groups[group].release(subscriber)

    def unsubscribe(self, group: str, subscriber: Subscriber) -> None:
        """Undo `subscribe`; does nothing where there is nothing to undo."""
        local = self._groups.get(group)
        if local is None or subscriber not in local.subscribers:
            return
        socket = subscriber.socket
        del local.subscribers[subscriber]
        _, frames = local.held.get(socket, (set(), []))
        if frames and socket not in local.sockets:  # or a crowd that leaves would walk the crowd
            del local.held[socket]
        local.release(subscriber)
        if not local.subscribers:
            del self._groups[group]
            self._wanted.pop(local.layer_name, None)
            self._changed.set()

    def dismiss(self, group: str, subscriber: Subscriber, code: CloseCode, reason: str) -> None:
        """Tell `subscriber`, if it is there, that its user may no longer hear `group`."""
        if group not in self._groups or subscriber not in self._groups[group].subscribers:
            return
        try:
            subscriber.dismiss(group, code, reason)
        except Exception:
            logger.exception("A subscriber of %s failed as it was dismissed", group)
            self.unsubscribe(group, subscriber)

    @property
    def groups(self) -> Iterable[str]:
        """The groups with a socket in this process."""
        return self._groups.keys()

    def kept(self, group: str) -> dict[str, Any]:  # Any: whatever is put there
        """Where to keep what is read about `group`; empty after every event, and for any thread.

        Whoever has subscribed may use what is there: a change since is still to be heard.
        """
        local = self._groups.get(group)
        if local is None or not local.joined.is_set():
            return {}
        kept = local.kept
        if kept is None:
            kept = local.kept = {}
        return kept

    def subscribers(self, group: str) -> list[Subscriber]:
        """The subscribers of `group` in this process."""
        return list(self._groups[group].subscribers) if group in self._groups else []

    # Events

    def send(self, group: str, message: LayerMessage) -> None:
        """Send `message` to every process that listens to `group`, in the order of the calls."""
        if self._waiting >= OUTGOING_EVENTS:
            metrics.events_dropped.inc()
            logger.warning("The channel layer is behind: an event for %s is dropped.", group)
            return
        self._outgoing.setdefault(layer_group(group), []).append(message)
        self._waiting += 1
        self._to_send.set()

    def deliver(self, group: str, *texts: str) -> None:
        """Write the `texts` of events to the group's sockets in this process."""
        local = self._groups.get(group)
        if local is not None:
            local.kept = None
            sockets, held = local.sockets, local.held
            metrics.frames_sent.inc(len(sockets) * len(texts))
            sockets.difference_update(held)
            frame = Frame(*texts)
            for socket in sockets:
                socket.write(frame)
            for _, frames in held.values():
                if len(frames) < HELD_FRAMES:
                    frames.append(frame)

    # The layer

    async def _run(self) -> None:
        """Take part in the layer, again after each failure."""
        try:
            while True:
                part = self.loop.create_task(self._take_part())
                try:  # not `await part`: a group that fails as this is cancelled would swallow that
                    await asyncio.wait([part])
                finally:
                    part.cancel()
                    await asyncio.wait([part])
                self._note(part.exception())
                self._added.clear()
                self._unconfirmed.clear()
                self._new.clear()
                for local in self._wanted.values():
                    if local.joined.is_set():
                        local.joined = asyncio.Event()
                    local.kept = None
                longest = min(RETRY_SECONDS, 0.2 * 2 ** min(self._failures, 8))
                await asyncio.sleep(random.uniform(0.1, longest))
        finally:
            if self._waiting:
                metrics.events_dropped.inc(self._waiting)
                logger.warning("The engine ended with %s events not sent.", self._waiting)

    def _note(self, failure: BaseException | None) -> None:
        self._failures += 1
        self.answering.clear()
        metrics.layer_failures.inc()
        errors = failure.exceptions if isinstance(failure, BaseExceptionGroup) else [failure]
        logger.warning(
            "The channel layer failed, so live events are delayed until it answers: %s",
            "; ".join(f"{type(error).__name__} {error}" for error in errors),
        )

    async def _take_part(self) -> None:
        if self._channel is None:  # never another: layers keep the names of abandoned channels
            async with asyncio.timeout(LAYER_SECONDS):
                self._channel = await self._layer.new_channel()
        if self._outgoing:
            self._to_send.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive(self._channel))  # first: it opens the channel again
            tasks.create_task(self._keep_groups(self._channel))
            tasks.create_task(self._send_outgoing())
            tasks.create_task(self._keep_probing())

    async def _receive(self, channel: str) -> None:
        while True:
            message: LayerMessage = await self._layer.receive(channel)
            try:
                self._take(message)
            except Exception:  # such as a message of another version; the layer works all the same
                logger.exception("A message of the channel layer could not be taken")

    def _take(self, message: LayerMessage) -> None:
        packed = message["messages"] if message["type"] == "realtime.pack" else [message]
        for (kind, group), messages in groupby(packed, itemgetter("type", "group")):
            match kind:
                case "realtime.event":
                    events = list(messages)
                    self.deliver(group, *(event["text"] for event in events))
                    now = time.time()
                    for event in events:
                        metrics.delivery_seconds.observe(max(now - event["at"], 0.0))
                case "realtime.call":
                    for call in messages:
                        self._hear_call(call)
                case "realtime.echo":
                    self._echoed.set()
                case _:
                    for control in messages:
                        self._on_control(control)

    async def _send_outgoing(self) -> None:
        """Send what waits, the groups in turn; a message is forgotten only once it was sent."""
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            while self._outgoing:
                at_once = hasattr(self._layer, "group_send_all")
                packs = first_packs(self._outgoing, GROUPS_AT_ONCE if at_once else 1)
                unsent = {name: as_message(pack) for name, pack in packs.items()}
                try:
                    async with asyncio.timeout(LAYER_SECONDS):
                        await self._send_all(unsent)
                    unsent.clear()
                finally:
                    for name in packs.keys() - unsent.keys():
                        waiting = self._outgoing.pop(name)
                        del waiting[: len(packs[name])]
                        self._waiting -= len(packs[name])
                        if waiting:  # its next turn comes after the other groups
                            self._outgoing[name] = waiting

    async def _send_all(self, messages: dict[str, LayerMessage]) -> None:
        """Send each of `messages` to its group; those that are sent are taken out."""
        if hasattr(self._layer, "group_send_all"):
            await self._layer.group_send_all(messages)
            return
        for name, message in list(messages.items()):
            try:
                await self._layer.group_send(name, message)
            except MessageTooLarge:  # each time; clients find the gap by its revision
                metrics.events_dropped.inc(len(message.get("messages", "1")))
                logger.warning("An event for %s is too large for the channel layer.", name)
            del messages[name]

    async def _keep_groups(self, channel: str) -> None:
        """Be in the wanted groups of the layer, and in no others."""
        self._changed.set()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CONFIRM_SECONDS if self._unconfirmed else None):
                    await self._changed.wait()
            self._changed.clear()
            if not self._unconfirmed:
                self._heard_at = self.loop.time()
            elif self.loop.time() - self._heard_at > LAYER_SECONDS:
                await self._leave_unconfirmed(channel)
            if missing := self._wanted.keys() - self._added:
                for names in await self._add(missing, channel):
                    self._added.update(names)
                    self._unconfirmed[next(self._calls)] = set(names)
            for name in self._added - self._wanted.keys():
                self._added.discard(name)
                async with asyncio.timeout(LAYER_SECONDS):
                    await self._layer.group_discard(name, channel)
            # `group_add` may return before the layer delivers, so a call through the group is
            # repeated until it is heard.
            for number, names in list(self._unconfirmed.items()):
                names &= self._added
                if not names:
                    self._unconfirmed.pop(number, None)
                    continue
                name = next(iter(names))
                call = {"type": "realtime.call", "by": self._probe, "group": name, "call": number}
                async with asyncio.timeout(LAYER_SECONDS):
                    await self._layer.group_send(name, call)
            unheard = set[str]().union(*self._unconfirmed.values())
            for name in (self._new - unheard) & self._added & self._wanted.keys():
                self._wanted[name].join()  # it was left and is wanted again
            self._new.clear()

    async def _add(self, names: Collection[str], channel: str) -> Iterable[Iterable[str]]:
        """Be in these groups; returns which of them are joined with one another."""
        if hasattr(self._layer, "group_add_all"):
            async with asyncio.timeout(LAYER_SECONDS):
                joined: Iterable[Iterable[str]] = await self._layer.group_add_all(names, channel)
            return joined
        for name in names:
            async with asyncio.timeout(LAYER_SECONDS):
                await self._layer.group_add(name, channel)
        return [[name] for name in names]

    async def _leave_unconfirmed(self, channel: str) -> None:
        """Leave the groups that are not heard, to join them again.

        Where Redis refused to subscribe, the layer takes itself for subscribed, and adds nothing.
        """
        unheard = set[str]().union(*self._unconfirmed.values())
        self._unconfirmed.clear()
        for name in unheard & self._added:
            self._added.discard(name)
            async with asyncio.timeout(LAYER_SECONDS):
                await self._layer.group_discard(name, channel)
        self._heard_at = self.loop.time()

    def _hear_call(self, call: LayerMessage) -> None:
        if call["by"] == self._probe and call["call"] in self._unconfirmed:
            self._heard_at = self.loop.time()
            for name in self._unconfirmed.pop(call["call"]) & self._added & self._wanted.keys():
                self._wanted[name].join()

    async def _keep_probing(self) -> None:
        """Raise when an echo through the layer does not come back in time."""
        while True:
            in_all_groups = self._wanted.keys() <= self._added and not self._unconfirmed
            if self.answering.is_set() or in_all_groups:
                self._echoed.clear()
                echo = {"type": "realtime.echo", "group": self._probe}
                async with asyncio.timeout(LAYER_SECONDS):
                    await self._layer.group_send(self._probe, echo)
                    await self._echoed.wait()
                self.answering.set()
                if self._failures:
                    self._failures = 0
                    logger.info("The channel layer answers again.")
                    self._on_gap()
            await asyncio.sleep(PROBE_SECONDS if self.answering.is_set() else REJOIN_SECONDS)


def first_pack(waiting: Sequence[LayerMessage]) -> Sequence[LayerMessage]:
    """The first messages of `waiting`, as many as travel together."""
    sizes = itertools.accumulate(map(_characters, waiting[:PACKED_EVENTS]))
    return waiting[: max(1, sum(size <= PACKED_CHARACTERS for size in sizes))]


def first_packs(
    outgoing: Mapping[str, Sequence[LayerMessage]], groups: int
) -> dict[str, Sequence[LayerMessage]]:
    """The first pack of each of up to so many `groups`, together within `PACKED_CHARACTERS` unless
    one pack alone is larger."""
    packs: dict[str, Sequence[LayerMessage]] = {}
    characters = 0
    for name, waiting in itertools.islice(outgoing.items(), groups):
        pack = first_pack(waiting)
        characters += sum(map(_characters, pack))
        if packs and characters > PACKED_CHARACTERS:
            break
        packs[name] = pack
    return packs


def as_message(pack: Sequence[LayerMessage]) -> LayerMessage:
    """One message of the layer that carries all of `pack`."""
    return pack[0] if len(pack) == 1 else {"type": "realtime.pack", "messages": pack}


def _characters(message: LayerMessage) -> int:
    if "text" in message:
        return len(message["text"])
    return sum(len(text) for _, text in message.get("events", ()))  # of `publish_many`


def layer_group(group: str) -> str:
    """The layer's name for `group`: layers allow letters, digits, hyphens and full stops."""
    if PLAIN.fullmatch(group):
        return GROUP_PREFIX + group.replace(":", ".")
    return DIGEST_PREFIX + sha256(group.encode()).hexdigest()
