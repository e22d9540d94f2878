"""One socket for many topics: each joined topic runs the consumer of its own URL."""

import asyncio
from urllib.parse import urlencode

import msgspec

from realtime.auth import Scope
from realtime.conf import limits
from realtime.gateway import Application, Receive
from realtime.protocol import (
    ClientFrame,
    CloseCode,
    ErrorCode,
    Refusal,
    encode_event,
    encode_reply,
)
from realtime.socket import Frame, Message, Send, Socket

WAITING_FRAMES = 32
REFUSALS = {
    CloseCode.FORBIDDEN: ErrorCode.FORBIDDEN,
    CloseCode.NOT_FOUND: ErrorCode.NOT_FOUND,
    CloseCode.FLOODING: ErrorCode.RATE_LIMITED,
    CloseCode.OVERLOAD: ErrorCode.UNAVAILABLE,
}

_join_data = msgspec.json.Decoder(dict[str, str | int])


async def multiplexer(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of `/ws/`: `join` and `leave` topics, and frames for those joined."""
    await _Multiplexer(scope, send).run(receive)


class _Multiplexer:
    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._socket: Socket = scope["realtime.link"].socket
        self._joined: dict[str, _Joined] = {}

    async def run(self, receive: Receive) -> None:
        async with asyncio.TaskGroup() as tasks:
            while (message := await receive())["type"] == "websocket.receive":
                frame: ClientFrame = message["frame"]
                try:
                    self._take(frame, tasks)
                except Refusal as refusal:
                    self._socket.refuse(frame.topic, frame.id, refusal)
            for joined in self._joined.values():
                joined.task.cancel()

    def _take(self, frame: ClientFrame, tasks: asyncio.TaskGroup) -> None:
        if frame.topic is None:
            raise Refusal(ErrorCode.INVALID, "Name the topic that this frame is for.")
        joined = self._joined.get(frame.topic)
        if frame.type == "join":
            self._join(frame.topic, frame, tasks)
        elif joined is None:
            raise Refusal(ErrorCode.NOT_FOUND, f"You have not joined {frame.topic}.")
        elif frame.type == "leave":
            joined.leave(frame.id)
        else:
            joined.take(frame)

    def _join(self, topic: str, frame: ClientFrame, tasks: asyncio.TaskGroup) -> None:
        before = self._joined.get(topic)
        if before is None and len(self._joined) >= limits().topics_per_socket:
            raise Refusal(ErrorCode.TOO_LARGE, "You have joined too many topics. Leave some first.")
        try:
            query = _join_data.decode(frame.data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Refusal(ErrorCode.INVALID, f"join: {error}") from None
        joined = _Joined(topic, frame.id, self._socket)
        scope = {
            key: value
            for key, value in self._scope.items()
            if key not in ("path_remaining", "url_route")
        }
        scope["path"] = f"/ws/{topic.replace(':', '/')}/"
        scope["query_string"] = urlencode(query).encode()
        scope["realtime.link"] = joined
        self._joined[topic] = joined
        joined.task = tasks.create_task(self._run(joined, scope, before))

    async def _run(self, joined: "_Joined", scope: Scope, before: "_Joined | None") -> None:
        if before is not None:  # joined again: the new one begins where the old one has ended
            before.end()
            await asyncio.wait([before.task])
        routes: Application = scope["realtime.routes"]
        try:
            await routes(scope, joined.receive, self._send)
        finally:
            if self._joined.get(joined.topic) is joined:
                del self._joined[joined.topic]
            joined.ended()


class _Joined:
    """A consumer's link to one topic of a shared socket."""

    task: asyncio.Task[None]

    def __init__(self, topic: str, join_id: str | None, socket: Socket) -> None:
        self.topic = topic
        self.socket = socket
        self._join_id = join_id
        self._accepted = False
        self._closed = False
        self._leave_ids: list[str | None] = []
        self._waiting: asyncio.Queue[Message] = asyncio.Queue()

    async def receive(self) -> Message:
        return await self._waiting.get()

    def take(self, frame: ClientFrame) -> None:
        if self._waiting.qsize() >= WAITING_FRAMES:
            raise Refusal(ErrorCode.RATE_LIMITED, "Wait for the answers to what you sent.", 0.5)
        self._waiting.put_nowait({"type": "websocket.receive", "frame": frame})

    def leave(self, frame_id: str | None) -> None:
        self._leave_ids.append(frame_id)
        self.end()

    def end(self) -> None:
        self._closed = True
        self._waiting.put_nowait({"type": "websocket.disconnect", "code": 1000})

    def ended(self) -> None:
        """The consumer has left: answer those who asked for it."""
        for frame_id in self._leave_ids:
            self.socket.write(Frame(encode_reply(self.topic, frame_id, {})))

    def accept(self) -> None:
        if not self._accepted:
            self._accepted = True
            self.socket.write(Frame(encode_reply(self.topic, self._join_id, {})))

    def close(self, code: CloseCode, reason: str) -> None:
        if self._closed:
            return
        if self._accepted:
            left = {"code": int(code), "reason": reason}
            self.socket.write(Frame(encode_event(self.topic, "left", left)))
        else:
            refusal = Refusal(REFUSALS.get(code, ErrorCode.INTERNAL), reason)
            self.socket.refuse(self.topic, self._join_id, refusal)
        self.end()
