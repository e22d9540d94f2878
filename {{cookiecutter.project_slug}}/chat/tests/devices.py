"""A device in a room: it does its part of the promise in docs/protocol.md, and forgets nothing."""

from contextlib import AbstractAsyncContextManager
from typing import Any

from accounts.models import User
from chat.models import Room
from realtime.testing import Client, connect

Json = dict[str, Any]  # Any: JSON

CHANGED = ("message.created", "message.updated", "message.deleted")


class Device:
    """Connects when it has something to ask, and resumes from its cursor.

    Args:
        since: the revision that it begins at; the head of its first welcome by default.
    """

    def __init__(
        self, name: str, user: User, session: str, room: Room, since: int | None = None
    ) -> None:
        self.name = name
        self.user = user
        self.session = session
        self.room = room
        self.epoch = str(room.epoch)
        self.outbox: dict[str, str] = {}  # what is not acknowledged: bodies by client id
        self._heard_revs: set[int] = set()  # over this connection
        self.losing = 0  # live frames that will not arrive
        self.begin(since)
        self._client: Client | None = None
        self._connection: AbstractAsyncContextManager[Client]

    def begin(self, since: int | None) -> None:
        """Know nothing of the room, and of its changes only those after this revision."""
        self.since = self.cursor = since
        self.view: dict[int, Json] = {}
        self._held: dict[int, Json] = {}

    async def hang_up(self) -> None:
        if self._client is not None:
            self._client = None
            await self._connection.__aexit__(None, None, None)
            self._held.clear()
            self._heard_revs.clear()

    async def ask(self, type: str, **data: object) -> Json:
        """The reply to a command, after everything that came before it."""
        client = await self._connected()
        reply = await client.send(type, data)
        self._take_all(client)
        self._take(reply)
        return reply

    async def deliver(self) -> list[Json]:
        """Send what is not acknowledged; the messages that the server made of it."""
        delivered = []
        for client_id, body in list(self.outbox.items()):
            reply = await self.ask("message.send", client_id=client_id, body=body)
            del self.outbox[client_id]
            delivered.append(reply["data"])
        return delivered

    async def send_unheard(self) -> None:
        """Send what is not acknowledged, and hang up before the answer comes."""
        client = await self._connected()
        for client_id, body in self.outbox.items():
            data = {"client_id": client_id, "body": body}
            await client.send_unheard("message.send", data)
        await self.hang_up()

    async def catch_up(self) -> None:
        await self._connected()  # where a device without a place is given one
        await self.ask("changes", since=self.cursor or 0, epoch=self.epoch)

    async def _connected(self) -> Client:
        if self._client is None:
            place: Json = {}
            if self.cursor is not None:
                place = {"since": self.cursor, "epoch": self.epoch}
            path = f"/ws/chat/{self.room.slug}/"
            self._connection = connect(path, session=self.session, **place)
            self._client = await self._connection.__aenter__()
            self._welcomed(await self._client.receive())
            if place:
                await self._resume(self._client, known=place["epoch"] == self.epoch)
        return self._client

    def _welcomed(self, welcome: Json) -> None:
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

    def _take_all(self, client: Client) -> None:
        for frame in client.skipped:
            self._take(frame)
        client.skipped.clear()

    def _take(self, frame: Json) -> None:
        if frame["type"] in CHANGED:
            self._heard(frame)
        elif frame["type"] == "changes":
            for message in frame["data"]["messages"]:
                self._apply(message)
            self.cursor = max(self.cursor or 0, frame["rev"])
        elif frame["type"] == "reset":
            self.begin(0)

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

    def _apply(self, message: Json) -> None:
        known = self.view.get(message["seq"])
        if known is None or known["rev"] < message["rev"]:
            self.view[message["seq"]] = message
