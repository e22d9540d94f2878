"""A device that follows a feed: it does its part of docs/protocol.md, and forgets nothing."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractUser

from realtime.asgi import Application
from realtime.feeds.consumer import FeedConsumer
from realtime.feeds.models import Feed
from realtime.testing import Client, Json, connect

Frame = tuple[str, Json]
"""A command: its type and its data."""

NO_CHANGES = ("welcome", "changes", "reset", "heartbeat")


@dataclass(frozen=True)
class FeedUnderTest:
    """What the devices need to know of a kind of feed.

    An item has a `seq`, a `rev`, the `client_id` of whoever added it, and a `deleted_at`. The
    reply to a command is the item. To edit a deleted item is a `conflict`.

    Args:
        make: a new feed of its owner, by a number; everybody may hear and change it.
        path: of its socket.
        add: the command that adds an item with a client id and a text.
        edit: the command that gives the item with this `seq` another text.
        delete: the command that deletes it.
        application: what serves it, where that is not the project.
        others: further commands that change it, such as a reaction.
        items: the field of `changes` with the items.
        text: the field of an item with its text.
    """

    consumer: type[FeedConsumer[Any]]  # Any: of each kind of feed
    make: Callable[[Any, int], Feed]  # Any: the project's user model
    path: Callable[[Any], str]  # Any: a feed of `make`
    add: Callable[[str, str], Frame]
    edit: Callable[[int, str], Frame]
    delete: Callable[[int], Frame]
    others: tuple[Callable[[int], Frame], ...] = ()
    application: Application | None = None
    items: str = "items"
    text: str = "text"


class Device:
    """Connects when it has something to ask, and resumes from its cursor.

    Args:
        since: the revision that it begins at; the latest at its first welcome by default.
    """

    def __init__(
        self,
        name: str,
        user: AbstractUser,
        session: str,
        kind: FeedUnderTest,
        feed: Feed,
        since: int | None = None,
    ) -> None:
        self.name = name
        self.user = user
        self.session = session
        self.kind = kind
        self.feed = feed
        self.epoch = str(feed.epoch)
        self.outbox: dict[str, str] = {}  # what is not acknowledged: texts by client id
        self._heard_revs: set[int] = set()  # over this connection
        self.losing = 0  # live frames that will not arrive
        self.begin(since)
        self._client: Client | None = None
        self._connection: AbstractAsyncContextManager[Client]

    def begin(self, since: int | None) -> None:
        """Know nothing of the feed, and of its changes only those after this revision."""
        self.since = self.cursor = since
        self.view: dict[int, Json] = {}
        self._held: dict[int, Json] = {}

    async def hang_up(self) -> None:
        if self._client is not None:
            self._client = None
            await self._connection.__aexit__(None, None, None)
            self._held.clear()
            self._heard_revs.clear()

    async def ask(self, type: str, data: Json) -> Json:
        """The reply to a command, after everything that came before it."""
        client = await self._connected()
        reply = await client.send(type, data)
        for frame in [*client.skipped, reply]:
            self._take(frame)
        client.skipped.clear()
        return reply

    async def deliver(self) -> list[Json]:
        """Send what is not acknowledged; the items that the server made of it."""
        delivered = []
        for client_id, text in list(self.outbox.items()):
            reply = await self.ask(*self.kind.add(client_id, text))
            del self.outbox[client_id]
            delivered.append(reply["data"])
        return delivered

    async def send_unheard(self) -> None:
        """Send what is not acknowledged, and hang up before the answer comes."""
        client = await self._connected()
        for client_id, text in self.outbox.items():
            await client.send_unheard(*self.kind.add(client_id, text))
        await self.hang_up()

    async def catch_up(self) -> None:
        await self._connected()  # where a device without a place is given one
        await self.ask("changes", {"since": self.cursor or 0, "epoch": self.epoch})

    async def _connected(self) -> Client:
        if self._client is None:
            place: Json = {}
            if self.cursor is not None:
                place = {"since": self.cursor, "epoch": self.epoch}
            path = self.kind.path(self.feed)
            self._connection = connect(
                path, session=self.session, application=self.kind.application, **place
            )
            self._client = await self._connection.__aenter__()
            self._welcomed(await self._client.receive())
            if place:
                await self._resume(self._client, known=place["epoch"] == self.epoch)
        return self._client

    def _welcomed(self, welcome: Json) -> None:
        assert welcome["type"] == "welcome", welcome
        self.epoch = welcome["data"]["epoch"]
        if self.cursor is None:
            self.begin(welcome["rev"])

    async def _resume(self, client: Client, *, known: bool) -> None:
        more = True
        while more:
            frame = await client.receive()
            self._take(frame)
            assert frame["type"] == ("changes" if known else "reset"), frame
            more = known and frame["data"]["more"]
        if not known:
            await self.catch_up()

    def _take(self, frame: Json) -> None:
        if frame["type"] == "changes":
            for item in frame["data"][self.kind.items]:
                self._apply(item)
            self.cursor = max(self.cursor or 0, frame["rev"])
        elif frame["type"] == "reset":
            self.begin(0)
        elif "rev" in frame and frame["type"] not in NO_CHANGES:
            self._heard(frame)

    def _heard(self, event: Json) -> None:
        assert event["rev"] == event["data"]["rev"], event
        assert event["rev"] not in self._heard_revs, event
        self._heard_revs.add(event["rev"])
        if self.losing:
            self.losing -= 1
            return
        self._held[event["rev"]] = event["data"]
        while (self.cursor or 0) + 1 in self._held:
            self.cursor = (self.cursor or 0) + 1
            self._apply(self._held.pop(self.cursor))

    def _apply(self, item: Json) -> None:
        known = self.view.get(item["seq"])
        if known is None or known["rev"] < item["rev"]:
            self.view[item["seq"]] = item
