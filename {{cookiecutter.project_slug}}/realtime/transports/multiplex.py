"""One WebSocket for many topics: each joined topic runs the consumer of its own URL."""

import asyncio
from typing import TYPE_CHECKING, Any, Literal, NoReturn
from urllib.parse import urlencode

import msgspec
from django.utils.translation import gettext as _

from realtime.asgi import Application, Receive, Scope, Send
from realtime.conf import limits
from realtime.delivery.connection import CLOSE_CODES, Connection, closing_for
from realtime.delivery.socket import Socket
from realtime.protocol import ClientFrame, CloseCode, Closing, ErrorCode, Refusal, encode
from realtime.transports.session import ClientSession

if TYPE_CHECKING:
    from realtime.consumers import Consumer

UNANSWERED_FRAMES = 64
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
        try:
            async with asyncio.TaskGroup() as self._tasks:
                while (frame := await self._session.frame()) is not None:
                    try:
                        self._take(frame)
                    except Refusal as refusal:
                        self._session.socket.refuse(frame.topic, frame.id, refusal)
                self._end_topics()
        finally:
            await asyncio.gather(*self._end_topics())

    def _end_topics(self) -> list[asyncio.Task[None]]:
        return [topic.end() for topic in self._topics.values()]

    def _take(self, frame: ClientFrame) -> None:
        if frame.topic is None:
            raise Refusal(ErrorCode.INVALID, _("Name the topic that this frame is for."))
        if frame.type == "join":
            self._join(frame.topic, frame)
            return
        topic = self._topics.get(frame.topic)
        if topic is None or topic.has_ended:
            raise not_joined(frame.topic)
        topic.take(frame)

    def _join(self, name: str, frame: ClientFrame) -> None:
        self._topics = {key: each for key, each in self._topics.items() if not each.has_left}
        before = self._topics.get(name)
        if before is None and len(self._topics) >= limits().topics_per_socket:
            detail = _("You have joined too many topics. Leave some first.")
            raise Refusal(ErrorCode.TOO_LARGE, detail)
        try:
            query = _join_data.decode(frame.data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Refusal(ErrorCode.INVALID, f"{frame.type}: {error}") from None
        topic = TopicSession(name, frame.id, self._session.socket, self._tasks)
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
        after = before.overtake() if before else None
        topic.add_turn(topic.begin(self._connection.application, scope, after), self._tasks)


class TopicSession(ClientSession):
    """What a consumer knows of its client on one topic of a shared WebSocket.

    Each frame of the client has one answer: the join too, however it ends.
    """

    consumer: "Consumer | None" = None
    """Runs in no task of its own, so that an idle topic takes little memory."""

    def __init__(
        self, name: str, join_id: str | None, socket: Socket, tasks: asyncio.TaskGroup
    ) -> None:
        self.name = name
        self.socket = socket
        self.turns = []
        self._tasks = tasks
        self._join_id = join_id
        self._join: Literal["waits", "accepted", "refused"] = "waits"
        self._waiting: list[ClientFrame] = []  # until the consumer has joined
        self._leave: ClientFrame | None = None
        self._leaving: asyncio.Task[None] | None = None

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
        elif self._join == "accepted" and not self.has_ended:
            self.socket.send(encode(self.name, "left", {"code": int(code), "reason": reason}))
        self._refuse_waiting()
        self.end()

    @property
    def is_served(self) -> bool:
        """Whether its client hears the topic: not one that was put out, or joined again."""
        return not self.has_ended or self._leave is not None

    # For the multiplexer

    async def begin(
        self, application: Application, scope: Scope, after: asyncio.Task[None] | None
    ) -> None:
        """Have the consumer join, once the one that the client has joined before has left."""
        if after is not None:
            await asyncio.wait([after])
        try:
            if self.is_served:
                await application(scope, _no_topic, _no_topic)
            if self.consumer is not None:
                await self.consumer._join()
                while self._waiting:
                    self.consumer._take(self._waiting.pop(0), self._tasks)
        except Exception as error:
            closing = closing_for(error, scope["path"])
            self.close(closing.code, closing.reason)
        if self.consumer is None:
            self.end()

    def take(self, frame: ClientFrame) -> None:
        """Hand a frame to the consumer; a `leave` ends the topic."""
        if frame.type == "leave":
            self._leave = frame
            self.end()
        elif len(self.turns) + len(self._waiting) >= UNANSWERED_FRAMES:
            detail = _("Wait for the answers to what you sent.")
            raise Refusal(ErrorCode.RATE_LIMITED, detail, 0.5)
        elif self.consumer is not None and self.consumer.has_joined:
            self.consumer._take(frame, self._tasks)
        else:
            self._waiting.append(frame)

    def overtake(self) -> asyncio.Task[None]:
        """End the topic, since it is joined again."""
        if self._join == "waits" and not self.has_ended:
            detail = _("%(topic)s was joined again meanwhile.") % {"topic": self.name}
            self._refuse_join(ErrorCode.CONFLICT, detail)
        return self.end()

    def end(self) -> asyncio.Task[None]:
        """Have the consumer leave, after what is under way; returns the task that does."""
        if self._leaving is None:  # in no group: what was cancelled leaves too
            self._leaving = asyncio.create_task(self._end())
        return self._leaving

    @property
    def has_ended(self) -> bool:
        return self._leaving is not None

    @property
    def has_left(self) -> bool:
        return self._leaving is not None and self._leaving.done()

    async def _end(self) -> None:
        """Have the consumer leave; then send the answers that are due."""
        while self.turns:
            await asyncio.wait(self.turns)
        consumer, self.consumer = self.consumer, None
        if consumer is not None:
            await consumer._leave()
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
            self.socket.refuse(self.name, self._waiting.pop(0).id, not_joined(self.name))


def not_joined(name: str) -> Refusal:
    """The refusal of a frame for a topic that is not, or no longer, joined."""
    return Refusal(ErrorCode.NOT_FOUND, _("You have not joined %(topic)s.") % {"topic": name})


async def _no_topic(*message: object) -> NoReturn:
    """The `receive` and `send` of a topic, which only an application that is no consumer calls."""
    raise Closing(CloseCode.NOT_FOUND, NO_TOPIC)
