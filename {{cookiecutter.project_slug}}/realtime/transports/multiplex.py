"""One WebSocket for many topics: each joined topic runs the consumer of its own URL."""

import asyncio
import logging
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.http import Http404

from realtime.asgi import Message, Receive, Scope, Send
from realtime.conf import limits
from realtime.delivery.connection import Connection
from realtime.delivery.socket import Frame, Socket
from realtime.protocol import (
    ClientFrame,
    CloseCode,
    Closing,
    ErrorCode,
    Refusal,
    encode_event,
    encode_reply,
)
from realtime.routing import NOTHING_HERE
from realtime.transports.peer import WebSocketPeer

logger = logging.getLogger(__name__)

WAITING_FRAMES = 32
NO_TOPIC = "This is not a topic: open a WebSocket at its own URL."
REFUSALS = {
    CloseCode.FORBIDDEN: ErrorCode.FORBIDDEN,
    CloseCode.NOT_FOUND: ErrorCode.NOT_FOUND,
    CloseCode.FLOODING: ErrorCode.RATE_LIMITED,
    CloseCode.OVERLOAD: ErrorCode.UNAVAILABLE,
}

_join_data = msgspec.json.Decoder(dict[str, str | int])


class Multiplexer:
    """Answers `join` and `leave`, and hands each other frame to the consumer of its topic.

    The topic `chat:general` is served by the consumer at `chat/general/` below the multiplexer's
    own URL.
    """

    def __init__(self, scope: Scope, peer: WebSocketPeer) -> None:
        self._scope = scope
        self._connection: Connection = scope["realtime.connection"]
        self._peer = peer
        self._topics: dict[str, TopicSession] = {}

    @classmethod
    def as_asgi(cls) -> Any:  # Any: an ASGI application, where Django's `path` wants a view
        """The ASGI application that runs one of these for each WebSocket."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            peer = await WebSocketPeer.open(scope, receive, send)
            await cls(scope, peer).run()

        return application

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while (frame := await self._peer.frame()) is not None:
                try:
                    self._take(frame, tasks)
                except Refusal as refusal:
                    self._peer.socket.refuse(frame.topic, frame.id, refusal)
            for topic in self._topics.values():
                topic.end()

    def _take(self, frame: ClientFrame, tasks: asyncio.TaskGroup) -> None:
        if frame.topic is None:
            raise Refusal(ErrorCode.INVALID, "Name the topic that this frame is for.")
        if frame.type == "join":
            self._join(frame.topic, frame, tasks)
            return
        topic = self._topics.get(frame.topic)
        if topic is None or topic.ended:
            raise Refusal(ErrorCode.NOT_FOUND, f"You have not joined {frame.topic}.")
        if frame.type == "leave":
            topic.leave(frame.id)
        else:
            topic.take(frame)

    def _join(self, name: str, frame: ClientFrame, tasks: asyncio.TaskGroup) -> None:
        before = self._topics.get(name)
        if before is None and len(self._topics) >= limits().topics_per_socket:
            raise Refusal(ErrorCode.TOO_LARGE, "You have joined too many topics. Leave some first.")
        if "/" in name:  # a topic has one name
            raise Refusal(ErrorCode.NOT_FOUND, "There is nothing of that name.")
        try:
            query = _join_data.decode(frame.data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Refusal(ErrorCode.INVALID, f"join: {error}") from None
        if before is not None:  # the new one begins where the old one has ended
            before.overtake()
        topic = TopicSession(name, frame.id, self._peer.socket)
        path = f"{self._scope['path']}{name.replace(':', '/')}/"
        scope = {key: value for key, value in self._scope.items() if key != "url_route"}
        scope["path"] = path
        scope["path_remaining"] = path.removeprefix(self._connection.base_path)
        scope["query_string"] = urlencode(query).encode()
        scope["realtime.peer"] = topic
        self._topics[name] = topic
        topic.task = tasks.create_task(self._run(topic, scope, before))

    async def _run(
        self, topic: "TopicSession", scope: Scope, before: "TopicSession | None"
    ) -> None:
        if before is not None:
            await asyncio.wait([before.task])
        try:
            if not topic.ended:
                await self._connection.application(scope, topic.receive, topic.send)
        except Http404:
            topic.close(CloseCode.NOT_FOUND, NOTHING_HERE)
        except Closing as closing:
            topic.close(closing.code, closing.reason)
        except Exception:
            logger.exception("The application failed on %s", scope["path"])
            topic.close(CloseCode.FAILURE, "The server failed.")
        finally:
            if self._topics.get(topic.name) is topic:
                del self._topics[topic.name]
            topic.finish()


class TopicSession:
    """The peer of a consumer that serves one topic of a shared WebSocket."""

    task: asyncio.Task[None]

    def __init__(self, name: str, join_id: str | None, socket: Socket) -> None:
        self.name = name
        self.socket = socket
        self.ended = False
        self._join_id = join_id
        self._accepted = False
        self._overtaken = False
        self._leave: tuple[str | None] | None = None  # the id of the frame that asked for it
        self._waiting: asyncio.Queue[ClientFrame | None] = asyncio.Queue()

    def take(self, frame: ClientFrame) -> None:
        if self._waiting.qsize() >= WAITING_FRAMES:
            raise Refusal(ErrorCode.RATE_LIMITED, "Wait for the answers to what you sent.", 0.5)
        self._waiting.put_nowait(frame)

    def leave(self, frame_id: str | None) -> None:
        """End the topic, and answer when its consumer has left."""
        self._leave = (frame_id,)
        self.end()

    def overtake(self) -> None:
        """End the topic, since it is joined again."""
        if not (self._accepted or self.ended):
            self._overtaken = True
            refusal = Refusal(ErrorCode.CONFLICT, f"{self.name} was joined again meanwhile.")
            self.socket.refuse(self.name, self._join_id, refusal)
        self.end()

    def end(self) -> None:
        """Have the consumer leave, after the frames that wait for it."""
        self.ended = True
        self._waiting.put_nowait(None)

    def finish(self) -> None:
        """Give the answers that are due when the consumer has left."""
        if not (self._accepted or self.ended):
            self.close(CloseCode.NOT_FOUND, NO_TOPIC)
        if self._leave is not None:
            self.socket.write(Frame(encode_reply(self.name, *self._leave, {})))

    async def frame(self) -> ClientFrame | None:
        frame = await self._waiting.get()
        return frame if self.socket.closing is None else None

    def accept(self) -> None:
        if not (self._accepted or self._overtaken):
            self._accepted = True
            self.socket.write(Frame(encode_reply(self.name, self._join_id, {})))

    def close(self, code: CloseCode, reason: str) -> None:
        if self.ended:
            return
        if self._accepted:
            left = {"code": int(code), "reason": reason}
            self.socket.write(Frame(encode_event(self.name, "left", left)))
        else:
            refusal = Refusal(REFUSALS.get(code, ErrorCode.INTERNAL), reason)
            self.socket.refuse(self.name, self._join_id, refusal)
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self.end()

    async def receive(self) -> Message:
        """What an application calls that is not a consumer of this project."""
        raise Closing(CloseCode.NOT_FOUND, NO_TOPIC)

    async def send(self, message: Message) -> None:
        """As `receive`."""
        raise Closing(CloseCode.NOT_FOUND, NO_TOPIC)
