"""A client of one person's notifications that keeps the wire's promise from its side.

It resumes with `since` and `epoch` after every loss, follows the gap rule, and keeps what it was
told (see the bake's docs/protocol.md).
"""

import asyncio
import json
import random
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection

from tests.background import Background
from tests.wire import GAP_SECONDS, LOST, Cursor, Json, opened

PATH = "/ws/notifications/"
LONGEST_PAUSE_SECONDS = 0.5
SILENCE_SECONDS = 5.0


class InboxClient(Background):
    """One device of one person, connected to one of `servers` as long as it is entered."""

    def __init__(self, servers: Sequence[str], session: str) -> None:
        super().__init__(self._stay_connected, self._ask_for_missing)
        self.servers = deque(servers)
        self.cursor = Cursor()
        self.rows: dict[int, Json] = {}
        self.unread = 0
        self.losses = 0
        self.doubled = 0
        self._session = session
        self._socket: ClientConnection | None = None
        self._ids = count(1)

    @property
    def joined(self) -> bool:
        return self._socket is not None and self.cursor.rev is not None

    @property
    def unread_ids(self) -> set[int]:
        return {pk for pk, row in self.rows.items() if not row["read_at"]}

    async def send(self, kind: str, data: Json) -> None:
        """Send a command where there is a connection; what becomes of it, events tell."""
        if self._socket is not None:
            frame = {"id": str(next(self._ids)), "type": kind, "data": data}
            with suppress(*LOST):
                await self._socket.send(json.dumps(frame))

    async def _stay_connected(self) -> None:
        while True:
            with suppress(*LOST):
                place = f"?{urlencode(self._place())}"
                async with opened(self.servers[0], PATH + place, self._session) as socket:
                    await self._listen(socket)
            self._socket = None
            self.losses += 1
            self.cursor.forget_held()
            self.servers.rotate(-1)
            await asyncio.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))

    async def _listen(self, socket: ClientConnection) -> None:
        while True:
            async with asyncio.timeout(SILENCE_SECONDS):
                frame = json.loads(await socket.recv())
            self._take(frame)
            self._socket = socket

    def _place(self) -> Json:
        if self.cursor.rev is None:
            return {}
        return {"since": self.cursor.rev, "epoch": self.cursor.epoch}

    async def _ask_for_missing(self) -> None:
        while True:
            before = self.cursor.rev
            await asyncio.sleep(GAP_SECONDS)
            if self.cursor.behind and self.cursor.rev == before:
                await self.send("changes", self._place())

    def _take(self, frame: Json) -> None:
        data = frame["data"]
        match frame["type"]:
            case "welcome":
                if self.cursor.rev is None:
                    self._start(frame)
                self.cursor.see(frame["rev"])
            case "reset":
                self._start(frame)
            case "changes":
                for row in data["notifications"]:
                    self._keep(row)
                self._read_before(data["read_rev"])
                self.unread = data["unread"]
                self.cursor.move(frame["rev"])
            case "heartbeat":
                self.cursor.see(frame["rev"])
            case _ if "rev" in frame:
                self.cursor.hold(frame)
        while (event := self.cursor.next()) is not None:
            self._apply(event["type"], event["data"])

    def _start(self, frame: Json) -> None:
        self.cursor.start(frame["rev"], frame["data"]["epoch"])
        self.unread = frame["data"]["unread"]
        self.rows = {row["id"]: row for row in frame["data"]["notifications"]}

    def _apply(self, kind: str, data: Json) -> None:
        if kind == "unread":
            self._read_before(data["read_rev"])
            self.unread = data["count"]
            return
        self.unread = data["unread"]
        if kind == "notification.deleted":
            self.rows.pop(data["id"], None)
            return
        if kind == "notification.created" and data["notification"]["id"] in self.rows:
            self.doubled += 1
        self._keep(data["notification"])

    def _keep(self, row: Json) -> None:
        if row["deleted_at"]:
            self.rows.pop(row["id"], None)
        else:
            self.rows[row["id"]] = row

    def _read_before(self, rev: int) -> None:
        for row in self.rows.values():
            if row["rev"] < rev:
                row["read_at"] = row["read_at"] or "read"
