"""A client of one feed that keeps the wire's promise from its side: nothing lost, doubled, moved.

It resumes with `since` and `epoch` after every loss, follows the gap rule, and keeps what it has
to say until that is acknowledged, under the same `client_id` (see the bake's docs/protocol.md).
"""

import asyncio
import json
import random
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from time import monotonic
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Origin, Subprotocol

from tests.background import Background

PROTOCOL = "realtime.v1"
STOPS = {1009, 4009, 4401, 4403, 4404, 4409}
PAUSES = {4029: 1.0}
NO_WAY_IN = {"forbidden": 4403, "not_found": 4404}
LOST = (OSError, EOFError, TimeoutError, WebSocketException)

GAP_SECONDS = 0.2
ANSWER_SECONDS = 15.0
HANDSHAKE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 1.0

Json = dict[str, Any]  # Any: JSON


def opened(
    server: str,
    path: str,
    session: str | None = None,
    *,
    origin: str | None = "own",
    protocols: Sequence[str] = (PROTOCOL,),
    headers: Mapping[str, str] | None = None,
    **options: Any,  # Any: what `websockets` takes
) -> connect:
    """A plain connection to a server, `ws://127.0.0.1:8000`, with a session's cookie."""
    own = f"http://{urlsplit(server).netloc}"
    host_only = "__Host-" if (origin or "").startswith("https:") else ""
    cookie = {"Cookie": f"{host_only}parlour_sessionid={session}"} if session else {}
    return connect(
        server + path,
        origin=Origin(own if origin == "own" else origin) if origin else None,
        subprotocols=[Subprotocol(each) for each in protocols] or None,
        additional_headers={**cookie, **(headers or {})},
        **{
            "compression": None,
            "proxy": None,
            "ping_interval": None,
            "open_timeout": HANDSHAKE_SECONDS,
            "close_timeout": 1,
            "max_size": None,
            "max_queue": None,
            **options,
        },
    )


class RefusedError(Exception):
    """A command was answered with an error."""

    def __init__(self, error: Json) -> None:
        super().__init__(f"{error['code']}: {error['detail']}")
        self.code: str = error["code"]
        self.retry_after: float = error.get("retry_after") or 0.0


class TurnedAwayError(Exception):
    """The server closed with a code after which coming back is pointless."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Cursor:
    """The place in a room's changes up to which nothing is missing."""

    def __init__(self) -> None:
        self.rev: int | None = None
        self.epoch = ""
        self.head = 0
        self._held: dict[int, Json] = {}

    @property
    def behind(self) -> bool:
        return self.rev is not None and self.head > self.rev

    def start(self, rev: int, epoch: str) -> None:
        self.rev = self.head = rev
        self.epoch = epoch
        self._held.clear()

    def see(self, head: int) -> None:
        self.head = max(self.head, head)

    def hold(self, event: Json) -> None:
        """Take an event of this or a later place; one that is known already is dropped."""
        self.see(event["rev"])
        if self.rev is not None and event["rev"] > self.rev:
            self._held[event["rev"]] = event

    def next(self) -> Json | None:
        """The event that comes next, if it is there; the cursor moves on to it."""
        if self.rev is None or self.rev + 1 not in self._held:
            return None
        self.rev += 1
        return self._held.pop(self.rev)

    def move(self, rev: int) -> None:
        """All up to `rev` has been applied from `changes`."""
        if self.rev is not None and rev > self.rev:
            self.rev = rev
            self._held = {each: event for each, event in self._held.items() if each > rev}
        self.see(rev)

    def forget_held(self) -> None:
        self._held.clear()


class RoomClient(Background):
    """One person in one feed, connected to one of `servers` as long as it is entered.

    Args:
        servers: where to connect, the first one first, the next one after each loss.
        shared: join the room over `/ws/` instead of at the room's own URL.
        silence_seconds: how long the server may say nothing before it is taken for lost; heartbeats
            come more often than that.
    """

    prefix = "chat"
    send = "message.send"
    text = "body"
    items = "messages"
    events = ("message.created", "message.updated", "message.deleted")

    def __init__(
        self,
        servers: Sequence[str],
        room: str,
        session: str,
        *,
        shared: bool = False,
        silence_seconds: float = 5.0,
    ) -> None:
        super().__init__(self._keep_connected, self._deliver_outbox)
        self.servers = deque(servers)
        self.topic = f"{self.prefix}:{room}"
        self.cursor = Cursor()
        self.messages: dict[int, Json] = {}  # the room as this client knows it, by `seq`
        self.seen: list[tuple[str, str]] = []  # (author, client_id) as they first appeared
        self.seen_at: dict[str, float] = {}
        self.sent: list[str] = []
        self.acknowledged: dict[str, Json] = {}
        self.acknowledged_at: dict[str, float] = {}
        self.refusals: list[str] = []
        self.closes: list[tuple[float, int]] = []  # when, and with which code
        self.server: str | None = None  # where it is joined now
        self._path = "/ws/" if shared else f"/ws/{self.prefix}/{room}/"
        self._shared = shared
        self._session = session
        self.silence_seconds = silence_seconds
        self._outbox: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._socket: ClientConnection | None = None
        self._replies: dict[str, asyncio.Future[Json]] = {}
        self._ids = count(1)
        self._repair: asyncio.Task[None] | None = None
        self._prefix = f"{random.getrandbits(40):x}"

    # What a test does and looks at

    def say(self, body: str) -> str:
        """Put a message into the outbox; it is sent, and sent again, until it is acknowledged."""
        client_id = f"{self._prefix}-{len(self.sent)}"
        self.sent.append(client_id)
        self._outbox[client_id] = body
        self._changed.set()
        return client_id

    @property
    def joined(self) -> bool:
        return self.server is not None

    @property
    def waiting(self) -> int:
        """How many messages are not acknowledged."""
        return len(self._outbox)

    async def request(self, kind: str, data: Json) -> Json:
        """Send a command and return its reply.

        Raises:
            RefusedError: the reply is an error.
            ConnectionError: there is no connection, or it was lost.
            TimeoutError: no reply came.
        """
        socket = self._socket
        if socket is None:
            raise ConnectionError("not connected")
        frame_id = str(next(self._ids))
        reply: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._replies[frame_id] = reply
        try:
            frame = {"id": frame_id, "topic": self.topic, "type": kind, "data": data}
            await socket.send(json.dumps(frame))
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await reply
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from None
        finally:
            self._replies.pop(frame_id, None)
        if answer["type"] == "error":
            raise RefusedError(answer["data"])
        return answer

    # The connection

    async def _keep_connected(self) -> None:
        failures = 0
        while True:
            code = 1006
            try:
                async with self._opening() as socket:
                    failures = 0
                    await self._listen(socket)
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
            except LOST:
                failures += 1
            finally:
                self._lost()
            self.closes.append((monotonic(), code))
            if code in STOPS:
                raise TurnedAwayError(code)
            self.servers.rotate(-1)
            longest = min(LONGEST_PAUSE_SECONDS, 0.1 * 2 ** min(failures, 8))
            await asyncio.sleep(PAUSES.get(code, 0) + random.uniform(0, longest))

    def _opening(self) -> connect:
        place = "" if self._shared else f"?{urlencode(self._place())}"
        return opened(self.servers[0], self._path + place, self._session)

    def _place(self) -> Json:
        if self.cursor.rev is None:
            return {}
        return {"since": self.cursor.rev, "epoch": self.cursor.epoch}

    async def _listen(self, socket: ClientConnection) -> None:
        self._socket = socket
        if self._shared:
            join = {"id": "join", "topic": self.topic, "type": "join", "data": self._place()}
            await socket.send(json.dumps(join))
        while True:
            async with asyncio.timeout(self.silence_seconds):
                text = await socket.recv()
            self._take(json.loads(text))

    def _lost(self) -> None:
        self._socket = self.server = None
        if self._repair is not None:
            self._repair.cancel()
            self._repair = None
        self.cursor.forget_held()
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(ConnectionError("the connection was lost"))

    # Frames

    def _take(self, frame: Json) -> None:
        reply = self._replies.get(frame.get("id") or "")
        match frame["type"]:
            case "welcome":
                self._welcomed(frame)
            case "changes":
                self._caught_up(frame)
            case "reset":
                self._start_over(frame)
            case "heartbeat":
                self.cursor.see(frame["rev"])
            case changed if changed in self.events:
                self.cursor.hold(frame)
            case "left":
                self._put_out(frame["data"]["code"])
            case "error" if frame["id"] == "join":
                self._put_out(NO_WAY_IN.get(frame["data"]["code"], 1013))
        if reply is not None and not reply.done():
            reply.set_result(frame)
        self._go_on()

    def _put_out(self, code: int) -> None:
        """The topic ended on a shared socket, as a socket of its own would have been closed."""
        if code in STOPS:
            raise TurnedAwayError(code)
        raise ConnectionError(f"{self.topic} ended with {code}")

    def _welcomed(self, frame: Json) -> None:
        if self.cursor.rev is None:
            self.cursor.start(frame["rev"], frame["data"]["epoch"])
        self.cursor.see(frame["rev"])
        self.server = self.servers[0]
        self._changed.set()

    def _caught_up(self, frame: Json) -> None:
        for message in frame["data"][self.items]:
            if self.cursor.rev is not None and message["rev"] > self.cursor.rev:
                self._apply(message)
        self.cursor.move(frame["rev"])

    def _start_over(self, frame: Json) -> None:
        self.messages.clear()
        self.cursor.start(0, frame["data"]["epoch"])
        self.cursor.see(frame["rev"])

    def _go_on(self) -> None:
        while (event := self.cursor.next()) is not None:
            self._apply(event["data"])
        if self.cursor.behind and self.joined and self._repair is None:
            self._repair = asyncio.create_task(self._ask_for_missing())

    def _apply(self, message: Json) -> None:
        if message["seq"] not in self.messages:
            self.seen.append((self.sender(message), message["client_id"]))
            self.seen_at[message["client_id"]] = monotonic()
        self.messages[message["seq"]] = message

    def sender(self, item: Json) -> str:
        username: str = item["author"]["username"]
        return username

    async def _ask_for_missing(self) -> None:
        """The gap rule: what is missing may only be late; after a moment, ask for it."""
        while self.cursor.behind:
            before = self.cursor.rev
            await asyncio.sleep(GAP_SECONDS)
            if self.cursor.behind and self.cursor.rev == before:
                with suppress(ConnectionError, TimeoutError, RefusedError):
                    await self.request("changes", self._place())
        self._repair = None

    # The outbox

    async def _deliver_outbox(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._outbox and self.joined:
                await self._deliver(next(iter(self._outbox)))

    async def _deliver(self, client_id: str) -> None:
        message = {"client_id": client_id, self.text: self._outbox[client_id]}
        try:
            reply = await self.request(self.send, message)
        except RefusedError as refusal:
            self.refusals.append(refusal.code)
            if refusal.code not in ("rate_limited", "unavailable", "internal"):
                raise
            await asyncio.sleep(max(refusal.retry_after, 0.05))
        except ConnectionError:
            await asyncio.sleep(0.01)  # `joined` again means that there is a connection to try
        except TimeoutError:
            self.refusals.append("timeout")
        else:
            del self._outbox[client_id]
            self.acknowledged[client_id] = reply["data"]
            self.acknowledged_at[client_id] = monotonic()
