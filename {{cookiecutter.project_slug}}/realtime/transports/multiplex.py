"""One WebSocket for many topics: each joined topic runs the consumer of its own URL."""

import asyncio
from typing import Any, Literal, NoReturn
from urllib.parse import urlencode

import msgspec
from django.utils.translation import gettext as _

from realtime.asgi import Receive, Scope, Send
from realtime.conf import limits
from realtime.delivery.connection import CLOSE_CODES, Connection, closing_for
from realtime.delivery.socket import Socket
from realtime.protocol import ClientFrame, CloseCode, Closing, ErrorCode, Refusal, encode
from realtime.transports.session import ClientSession

WAITING_FRAMES = 32
NO_TOPIC = "This is not a topic: open a WebSocket at its own URL."
REFUSALS = {close: error for error, close in CLOSE_CODES.items()}

_join_data = msgspec.json.Decoder(dict[str, str | int])


class Multiplexer:
    """Answers `join` and `leave`, and hands each other frame to the consumer of its topic.

    The topic `chat:general` is served by the consumer at `chat/general/` below the multiplexer's
    own URL.
    """

    def __init__(self, scope: Scope, session: ClientSession) -> None:
        self._scope = scope
        self._connection: Connection = scope["realtime.connection"]
        self._session = session
        self._topics: dict[str, TopicSession] = {}

    @classmethod
    def as_asgi(cls) -> Any:  # Any: an ASGI application, where Django's `path` wants a view
        """The ASGI application that runs one of these for each WebSocket."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await cls(scope, await ClientSession.open(scope, receive, send)).run()

        return application

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while (frame := await self._session.frame()) is not None:
                try:
                    self._take(frame, tasks)
                except Refusal as refusal:
                    self._session.socket.refuse(frame.topic, frame.id, refusal)
            for topic in self._topics.values():
                topic.end()

    def _take(self, frame: ClientFrame, tasks: asyncio.TaskGroup) -> None:
        if frame.topic is None:
            raise Refusal(ErrorCode.INVALID, _("Name the topic that this frame is for."))
        if frame.type == "join":
            self._join(frame.topic, frame, tasks)
            return
        topic = self._topics.get(frame.topic)
        if topic is None or topic.ended:
            raise not_joined(frame.topic)
        topic.take(frame)

    def _join(self, name: str, frame: ClientFrame, tasks: asyncio.TaskGroup) -> None:
        before = self._topics.get(name)
        if before is None and len(self._topics) >= limits().topics_per_socket:
            detail = _("You have joined too many topics. Leave some first.")
            raise Refusal(ErrorCode.TOO_LARGE, detail)
        try:
            query = _join_data.decode(frame.data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Refusal(ErrorCode.INVALID, f"{frame.type}: {error}") from None
        if before is not None:  # the new one begins where the old one has ended
            before.overtake()
        topic = TopicSession(name, frame.id, self._session.socket)
        path = f"{self._scope['path']}{name.replace(':', '/')}/"
        scope = {
            **self._scope,
            "path": path,
            "path_remaining": path.removeprefix(self._connection.base_path),
            "query_string": urlencode(query).encode(),
            "realtime.topic_session": topic,
        }
        scope.pop("url_route", None)
        self._topics[name] = topic
        topic.task = tasks.create_task(self._run(topic, scope, before))

    async def _run(
        self, topic: "TopicSession", scope: Scope, before: "TopicSession | None"
    ) -> None:
        if before is not None:
            await asyncio.wait([before.task])
        try:
            if topic.is_served:
                await self._connection.application(scope, _no_topic, _no_topic)
        except Exception as error:
            closing = closing_for(error, scope["path"])
            topic.close(closing.code, closing.reason)
        finally:
            if self._topics.get(topic.name) is topic:
                del self._topics[topic.name]
            topic.finish()


class TopicSession(ClientSession):
    """What a consumer knows of its client on one topic of a shared WebSocket.

    Each frame of the client has one answer: the join too, however it ends.
    """

    task: asyncio.Task[None]

    def __init__(self, name: str, join_id: str | None, socket: Socket) -> None:
        self.name = name
        self.socket = socket
        self.ended = False
        self._join_id = join_id
        self._join: Literal["waits", "accepted", "refused"] = "waits"
        self._leave: ClientFrame | None = None
        # A list and a future: an `asyncio.Queue` would take 2.5 KiB of every topic.
        self._waiting: list[ClientFrame | None] = []
        self._arrived: asyncio.Future[None] | None = None

    async def frame(self) -> ClientFrame | None:
        while not self._waiting:
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived
        frame = self._waiting.pop(0)
        return frame if self.socket.closing is None else None

    def serve(self, topic: str) -> None:
        if topic != self.name:
            raise Refusal(ErrorCode.NOT_FOUND, _("There is nothing of that name."))

    def accept(self) -> None:
        if self._join == "waits":
            self._join = "accepted"
            self.socket.send(encode(self.name, "ok", {}, frame_id=self._join_id))

    def close(self, code: CloseCode, reason: str) -> None:
        if self._join == "waits":
            self._refuse_join(REFUSALS.get(code, ErrorCode.INTERNAL), reason)
        elif self._join == "accepted" and not self.ended:
            self.socket.send(encode(self.name, "left", {"code": int(code), "reason": reason}))
        self._refuse_waiting()
        self.end()

    @property
    def is_served(self) -> bool:
        """Whether its client hears the topic: not one that was put out, or joined again."""
        return not self.ended or self._leave is not None

    # For the multiplexer

    def take(self, frame: ClientFrame) -> None:
        """Queue a frame for the consumer; a `leave` ends the topic."""
        if frame.type == "leave":
            self._leave = frame
            self.end()
        elif len(self._waiting) < WAITING_FRAMES:
            self._put(frame)
        else:
            detail = _("Wait for the answers to what you sent.")
            raise Refusal(ErrorCode.RATE_LIMITED, detail, 0.5)

    def overtake(self) -> None:
        """End the topic, since it is joined again."""
        if self._join == "waits" and not self.ended:
            detail = _("%(topic)s was joined again meanwhile.") % {"topic": self.name}
            self._refuse_join(ErrorCode.CONFLICT, detail)
        self.end()

    def end(self) -> None:
        """Have the consumer leave, after the frames that wait for it."""
        self.ended = True
        self._put(None)

    def finish(self) -> None:
        """Send the answers that are due when the consumer has left."""
        if self._join == "waits":
            self._refuse_join(ErrorCode.NOT_FOUND, NO_TOPIC)
        self._refuse_waiting()
        if self._leave is not None:
            self.socket.send(encode(self.name, "ok", {}, frame_id=self._leave.id))

    def _refuse_join(self, code: ErrorCode, detail: str) -> None:
        self._join = "refused"
        self.socket.refuse(self.name, self._join_id, Refusal(code, detail))

    def _refuse_waiting(self) -> None:
        while self._waiting:
            if (frame := self._waiting.pop(0)) is not None:
                self.socket.refuse(self.name, frame.id, not_joined(self.name))

    def _put(self, frame: ClientFrame | None) -> None:
        self._waiting.append(frame)
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)


def not_joined(name: str) -> Refusal:
    """The refusal of a frame for a topic that is not, or no longer, joined."""
    return Refusal(ErrorCode.NOT_FOUND, _("You have not joined %(topic)s.") % {"topic": name})


async def _no_topic(*message: object) -> NoReturn:
    """The `receive` and `send` of a topic, which only an application that is no consumer calls."""
    raise Closing(CloseCode.NOT_FOUND, NO_TOPIC)
