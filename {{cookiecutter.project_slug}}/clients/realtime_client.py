"""A client of one feed in one file, to copy to where it is needed: it needs only `websockets`.

    class Room(FeedClient):
        items = "messages"

        def changed(self, item):
            print(item["author"]["name"], item["body"])

    token = {"X-Session-Token": "..."}
    async with Room(["wss://chat.example.com"], "chat:general", token) as room:
        await room.post("message.send", body="Hello")

Nothing is lost, doubled or moved: it comes back after every loss and resumes where it was, asks for
events that are missing, and sends what it posts, under one `client_id`, until it is acknowledged.
docs/protocol.md has the rules.
"""

import asyncio
import json
import logging
import random
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Self
from urllib.parse import urlencode
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

PROTOCOL = "realtime.v1"
STOPS = {1009, 4009, 4401, 4403, 4404, 4409}
"""Close codes after which coming back is pointless."""
PAUSES = {4029: 10.0}
NO_WAY_IN = {"forbidden": 4403, "not_found": 4404}
PASSING = {"rate_limited", "unavailable", "internal"}
"""Refusals after which the same command is sent again."""
LOST = (OSError, EOFError, TimeoutError, WebSocketException)
BROKEN = (AttributeError, LookupError, TypeError, ValueError)
"""What reading a frame of another form raises."""
ITEM_EVENT = re.compile(r"\.(created|updated|deleted)$")

GAP_SECONDS = 0.2
ANSWER_SECONDS = 15.0
HANDSHAKE_SECONDS = 10.0

Json = dict[str, Any]  # Any: JSON

logger = logging.getLogger(__name__)


class RefusedError(Exception):
    """A command was answered with an error; `retry_after` is in seconds."""

    def __init__(self, error: Json) -> None:
        super().__init__(f"{error['code']}: {error['detail']}")
        self.code = str(error["code"])
        self.retry_after = float(error.get("retry_after") or 0)


class TurnedAwayError(Exception):
    """The server closed with a code after which coming back is pointless."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class OwnError(Exception):
    """A method of the subclass raised its cause, which is neither a loss nor a broken frame."""


class Cursor:
    """The place in a feed's changes up to which nothing is missing."""

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


class Post(NamedTuple):
    """A command that is sent until it is answered."""

    kind: str
    data: Json
    answer: asyncio.Future[Json]


class FeedClient:
    """One person in one feed, connected to one of `servers` as long as it is entered.

    Args:
        servers: where to connect, such as `wss://chat.example.com`: the first one first, the next
            one after each loss.
        topic: such as `chat:general`.
        headers: of the handshake: they say who comes.
        shared: join the topic over `/ws/` instead of at its own URL.
        silence_seconds: how long the server may say nothing before it is taken for lost; heartbeats
            come more often than that.
    """

    items: ClassVar[str] = "items"
    """The name of the list of items in frames."""
    longest_pause_seconds: ClassVar[float] = 30.0

    def __init__(
        self,
        servers: Sequence[str],
        topic: str,
        headers: Mapping[str, str] | None = None,
        *,
        shared: bool = True,
        silence_seconds: float = 50.0,
    ) -> None:
        self.servers = deque(servers)
        self.topic = topic
        self.headers = dict(headers or {})
        self.silence_seconds = silence_seconds
        self.cursor = Cursor()
        self.known: dict[int, Json] = {}  # the feed's items as this client knows them, by `seq`
        self.server: str | None = None  # where it is joined now
        self._path = "/ws/" if shared else f"/ws/{topic.replace(':', '/')}/"
        self._shared = shared
        self._outbox: dict[str, Post] = {}
        self._changed = asyncio.Event()
        self._socket: ClientConnection | None = None
        self._replies: dict[str, asyncio.Future[Json]] = {}
        self._ids = count(1)
        self._repair: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._end: Exception | None = None  # what its work has ended with

    async def __aenter__(self) -> Self:
        self._end = None
        self._tasks = [
            asyncio.create_task(self._until_it_fails(work))
            for work in (self._keep_connected, self._deliver_outbox)
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raises what its work failed with, such as TurnedAwayError."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for post in self._outbox.values():
            post.answer.cancel()
        if self._end is None:
            self._end = ConnectionError("the client was left")
        elif error is None:
            raise self._end

    # For subclasses

    def changed(self, item: Json) -> None:
        """An item is new, or has changed; if it has a `deleted_at`, it is gone."""

    def happened(self, event: Json) -> None:
        """A frame that is not of one item has come: any other event, or the `reset` after which the
        feed begins afresh."""

    def closed(self, code: int) -> None:
        """A connection has ended with this code, or one did not open."""

    # For everyone

    @property
    def joined(self) -> bool:
        return self.server is not None

    @property
    def waiting(self) -> int:
        """How many posts are not acknowledged."""
        return len(self._outbox)

    def post(self, kind: str, client_id: str = "", **data: object) -> asyncio.Future[Json]:
        """Send a command that has a `client_id` until it is answered.

        The future has the data of the answer, or raises RefusedError, or what the client's work has
        ended with, such as TurnedAwayError. It is cancelled when the client is left.
        """
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        if self._end is not None:
            answer.set_exception(self._end)
            return answer
        client_id = client_id or uuid4().hex
        self._outbox[client_id] = Post(kind, {"client_id": client_id, **data}, answer)
        self._changed.set()
        return answer

    async def request(self, kind: str, data: Json) -> Json:
        """Send a command once and return its reply.

        Raises:
            RefusedError: the reply is an error.
            ConnectionError: there is no connection, or it was lost.
            TimeoutError: no reply came.
            Exception: what the client's work has ended with, such as TurnedAwayError.
        """
        if self._end is not None:
            raise self._end
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
                return await reply
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from None
        finally:
            self._replies.pop(frame_id, None)

    async def stay(self) -> None:
        """Go on until cancelled.

        Raises:
            TurnedAwayError: the server has no place for this person, or not any more.
            Exception: what a method of the subclass raised.
        """
        await asyncio.wait(self._tasks)
        if self._end is not None:
            raise self._end

    # The end

    async def _until_it_fails(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:
            own = error.__cause__ if isinstance(error, OwnError) else None
            self._end = own if isinstance(own, Exception) else error
            for task in self._tasks:
                if task is not asyncio.current_task():
                    task.cancel()
            while self._outbox:
                _, post = self._outbox.popitem()
                if not post.answer.done():
                    post.answer.set_exception(self._end)

    def _tell(self, method: Callable[[Json], None], news: Json) -> None:
        try:
            method(news)
        except Exception as error:
            raise OwnError from error

    # The connection

    async def _keep_connected(self) -> None:
        failures = 0
        while True:
            code = 1006
            try:
                async with self._opening() as socket:
                    await self._listen(socket)
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
            except LOST:
                pass
            except TurnedAwayError as error:
                code = error.code
            finally:
                failures = 0 if self.joined else failures + 1
                self._lost()
            self.closed(code)
            if code in STOPS:
                raise TurnedAwayError(code)
            self.servers.rotate(-1)
            longest = min(self.longest_pause_seconds, 0.1 * 2 ** min(failures, 10))
            await asyncio.sleep(PAUSES.get(code, 0) + random.uniform(0, longest))

    def _opening(self) -> connect:
        return connect(
            self.servers[0] + self._path_now(),
            subprotocols=[Subprotocol(PROTOCOL)],
            additional_headers=self.headers,
            open_timeout=HANDSHAKE_SECONDS,
        )

    def _path_now(self) -> str:
        return self._path if self._shared else f"{self._path}?{urlencode(self._place())}"

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
            try:
                self._take(json.loads(text))
            except BROKEN as error:
                logger.warning("A frame of %s is left out, %r: %.200s", self.topic, error, text)

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
        kind, data = frame["type"], frame["data"]
        reply = self._replies.get(frame.get("id") or "")
        match kind:
            case "welcome":
                self._welcomed(frame)
            case "changes":
                self._caught_up(frame)
            case "reset":
                self._start_over(frame)
            case "heartbeat":
                self.cursor.see(frame["rev"])
            case "left":
                self._put_out(data["code"])
            case "error" if frame.get("id") == "join":
                self._put_out(NO_WAY_IN.get(data["code"], 1013))
            case "ok" | "error":
                pass
            case _ if "rev" in frame:
                self.cursor.hold(frame)
            case _:
                self._tell(self.happened, frame)
        if reply is not None and not reply.done():
            if kind == "error":
                reply.set_exception(RefusedError(data))
            else:
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
            self._apply_all(frame)
        self.cursor.see(frame["rev"])
        self.server = self.servers[0]
        self._changed.set()

    def _caught_up(self, frame: Json) -> None:
        self._apply_all(frame)
        self.cursor.move(frame["rev"])

    def _start_over(self, frame: Json) -> None:
        self.known.clear()
        self.cursor.start(frame["rev"], frame["data"]["epoch"])
        self._apply_all(frame)
        self._tell(self.happened, frame)

    def _go_on(self) -> None:
        while (event := self.cursor.next()) is not None:
            if ITEM_EVENT.search(event["type"]):
                self._apply(event["data"])
            else:
                self._tell(self.happened, event)
        if self.cursor.behind and self.joined and self._repair is None:
            self._repair = asyncio.create_task(self._ask_for_missing())

    def _apply_all(self, frame: Json) -> None:
        for item in frame["data"].get(self.items, ()):
            self._apply(item)

    def _apply(self, item: Json) -> None:
        known = self.known.get(item["seq"])
        if known is None or known["rev"] < item["rev"]:
            self.known[item["seq"]] = item
            self._tell(self.changed, item)

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
        post = self._outbox[client_id]
        try:
            reply = await self.request(post.kind, post.data)
        except RefusedError as refusal:
            if refusal.code in PASSING:
                await asyncio.sleep(max(refusal.retry_after, 0.05))
                return
            self._settle(client_id, refusal)
        except ConnectionError:
            await asyncio.sleep(0.01)  # `joined` again means that there is a connection to try
        except TimeoutError:
            pass
        else:
            self._settle(client_id, reply["data"])

    def _settle(self, client_id: str, result: Json | Exception) -> None:
        answer = self._outbox.pop(client_id).answer
        if answer.done():  # whoever waited for it was cancelled
            return
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)
