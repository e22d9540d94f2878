"""People who chat while things break: each keeps the protocol as the browser's client does, and
writes down what was acknowledged, what arrived and how long it was away."""

import asyncio
import json
import random
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import astuple, dataclass, field
from time import monotonic
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin, Subprotocol

BACKOFF_SECONDS = 1.0
BACKOFF_MOST_SECONDS = 30.0
REPLY_SECONDS = 10.0
RETRY_SECONDS = 0.05
CONNECTS_AT_ONCE = 20

Frame = dict[str, Any]  # Any: JSON


@dataclass(frozen=True)
class Door:
    """Where a site's sockets are, and what proves that it is that site."""

    address: str
    port: int
    tls: ssl.SSLContext

    def to(self, cookie: str, path: str) -> connect:
        """A connection to one of them, in the name of whoever has the cookie."""
        return connect(
            f"wss://{self.address}{path}",
            host="127.0.0.1",
            port=self.port,
            ssl=self.tls,
            origin=Origin(f"https://{self.address}"),
            subprotocols=[Subprotocol("realtime.v1")],
            additional_headers={"Cookie": cookie},
            compression=None,
            proxy=None,
            open_timeout=10,
            close_timeout=1,
        )


@dataclass
class Person:
    """One client of one room."""

    door: Door
    cookie: str
    room: str

    cursor: int = 0
    epoch: str = ""
    applied: list[int] = field(default_factory=list)  # `seq` of each message, as it was applied
    acknowledged: dict[str, int] = field(default_factory=dict)
    gaps: list[float] = field(default_factory=list)  # seconds from a socket's loss to a welcome
    closes: Counter[int | None] = field(default_factory=Counter)
    resets: int = 0
    here: asyncio.Event = field(default_factory=asyncio.Event)

    _socket: ClientConnection | None = None
    _waiting: dict[str, asyncio.Future[Frame]] = field(default_factory=dict)
    _left_at: float | None = None
    _asked: bool = False

    async def stay(self) -> None:
        """Be in the room until cancelled, coming back whenever the socket is lost."""
        tries = 0
        while True:
            with suppress(OSError, WebSocketException, TimeoutError):
                async with self._connection() as socket:
                    self._socket = socket
                    async for text in socket:
                        await self._take(json.loads(text))
                        tries = 0
            self._leave()
            await asyncio.sleep(
                random.random() * min(BACKOFF_MOST_SECONDS, BACKOFF_SECONDS * 2**tries)
            )
            tries += 1

    async def say(self, body: str) -> None:
        """Send one message until it is acknowledged, under one name however often that takes."""
        client_id = uuid4().hex
        while client_id not in self.acknowledged:
            await self.here.wait()
            try:
                reply = await self._ask("message.send", {"client_id": client_id, "body": body})
            except (TimeoutError, ConnectionError, WebSocketException):
                await asyncio.sleep(RETRY_SECONDS)  # in which `stay` hears that the socket is lost
                continue
            if reply["type"] == "ok":
                self.acknowledged[client_id] = reply["data"]["seq"]
            else:
                await asyncio.sleep(reply["data"].get("retry_after", 1))

    def _connection(self) -> connect:
        resume = f"?since={self.cursor}&epoch={self.epoch}" if self.epoch else ""
        return self.door.to(self.cookie, f"/ws/chat/{self.room}/{resume}")

    async def _take(self, frame: Frame) -> None:
        match frame["type"]:
            case "welcome":
                self._arrive(frame)
            case "changes":
                for message in frame["data"]["messages"]:
                    if message["rev"] > self.cursor:
                        self._apply(message)
                self._asked = frame["data"]["more"]
                self.cursor = max(self.cursor, frame["rev"])
            case "reset":
                self.resets += 1
                self.epoch = frame["data"]["epoch"]
                self.applied.clear()
                self.cursor = 0
                self._asked = False
                await self._catch_up(frame["rev"])
            case "message.created" if frame["rev"] == self.cursor + 1:
                self.cursor += 1
                self._apply(frame["data"])
            case "message.created" | "heartbeat":
                await self._catch_up(frame["rev"])
        waiting = self._waiting.pop(frame.get("id") or "", None)
        if waiting is not None and not waiting.done():
            waiting.set_result(frame)

    def _arrive(self, welcome: Frame) -> None:
        if not self.epoch:
            self.epoch = welcome["data"]["epoch"]
            self.cursor = welcome["rev"]
        if self._left_at is not None:
            self.gaps.append(monotonic() - self._left_at)
            self._left_at = None
        self._asked = False
        self.here.set()

    def _leave(self) -> None:
        if self._socket is not None:
            self.closes[self._socket.close_code] += 1
            self._socket = None
        if self._left_at is None and self.here.is_set():
            self._left_at = monotonic()
        self.here.clear()
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(ConnectionError("the socket was lost"))
        self._waiting.clear()

    def _apply(self, message: Frame) -> None:
        if message["seq"] == message["rev"]:
            self.applied.append(message["seq"])

    async def _catch_up(self, head: int) -> None:
        if head > self.cursor and not self._asked and self._socket is not None:
            self._asked = True
            data = {"since": self.cursor, "epoch": self.epoch}
            frame = {"id": "catch-up", "type": "changes", "data": data}
            await self._socket.send(json.dumps(frame))

    async def _ask(self, command: str, data: Frame) -> Frame:
        frame_id = uuid4().hex
        reply: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        if self._socket is None:
            raise ConnectionError("away")
        self._waiting[frame_id] = reply
        try:
            await self._socket.send(json.dumps({"id": frame_id, "type": command, "data": data}))
            async with asyncio.timeout(REPLY_SECONDS):
                return await reply
        finally:
            self._waiting.pop(frame_id, None)
            reply.cancel()


@dataclass
class Figures:
    """What came of it."""

    clients: int
    acknowledged: int
    lost: int
    doubled: int
    disordered: int
    reconnects: int
    longest_gap: float

    @property
    def cells(self) -> tuple[object, ...]:
        return astuple(self)


class Crowd:
    """Many people in one room, of whom some write."""

    def __init__(self, door: Door, cookies: Sequence[str], room: str, clients: int) -> None:
        self.people = [Person(door, cookies[i % len(cookies)], room) for i in range(clients)]

    @asynccontextmanager
    async def gathered(self) -> AsyncIterator[None]:
        """All of them in the room; they leave at the end."""
        tasks: list[asyncio.Task[None]] = []
        try:
            for start in range(0, len(self.people), CONNECTS_AT_ONCE):
                people = self.people[start : start + CONNECTS_AT_ONCE]
                tasks += [asyncio.create_task(person.stay()) for person in people]
                async with asyncio.timeout(60):
                    await asyncio.gather(*(person.here.wait() for person in people))
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def chatting(self, writers: int, pause: float) -> AsyncIterator[None]:
        """`writers` of them say something every `pause` seconds; what they began, they finish."""
        enough = asyncio.Event()

        async def write(person: Person) -> None:
            while not enough.is_set():
                await person.say("Hello, whoever is still there.")
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))

        async with asyncio.TaskGroup() as writing:
            for person in self.people[:writers]:
                writing.create_task(write(person))
            yield
            enough.set()

    async def settled(self, seconds: float = 60) -> None:
        """Everybody is back and has what the others have."""
        async with asyncio.timeout(seconds):
            while not all(  # noqa: ASYNC110 (of many)
                person.here.is_set() for person in self.people
            ) or (len({person.cursor for person in self.people}) > 1):
                await asyncio.sleep(0.1)

    def figures(self) -> Figures:
        acknowledged = {seq for person in self.people for seq in person.acknowledged.values()}
        counts = [Counter(person.applied) for person in self.people]
        return Figures(
            clients=len(self.people),
            acknowledged=sum(len(person.acknowledged) for person in self.people),
            lost=sum(len(acknowledged - count.keys()) for count in counts),
            doubled=sum(sum(count.values()) - len(count) for count in counts)
            + sum(len(person.acknowledged) for person in self.people)
            - len(acknowledged),
            disordered=sum(person.applied != sorted(person.applied) for person in self.people),
            reconnects=sum(len(person.gaps) for person in self.people),
            longest_gap=max((gap for person in self.people for gap in person.gaps), default=0.0),
        )
