"""One WebSocket for many topics: each joined topic runs the consumer of its own URL."""

import asyncio
from typing import TYPE_CHECKING, Any, Literal, NoReturn
from urllib.parse import urlencode

import msgspec
from django.utils.translation import gettext as _

from realtime.asgi import Application, Receive, Scope, Send
from realtime.conf import limits
from realtime.delivery.connection import CLOSE_CODES, LEAVE_SECONDS, Connection, closing_for
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
                    del frame  # which is not kept until the next one comes
                self._end_topics()  # before the group waits for what a topic may wait for
        finally:
            async with asyncio.timeout(LEAVE_SECONDS):
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
        if topic is None or topic.is_ending:
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
        after = before.overtake() if before else None
        topic = TopicSession(name, frame.id, self._session.socket, self._tasks, after)
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
        topic.begin(topic.join(self._connection.application, scope))


class TopicSession(ClientSession):
    """What a consumer knows of its client on one topic of a shared WebSocket.

    Each frame of the client has one answer: the join too, however it ends.
    """

    _consumer: "Consumer | None" = None
    """In no task of its own once it has joined, so that an idle topic takes little memory."""

    def __init__(
        self,
        name: str,
        join_id: str | None,
        socket: Socket,
        tasks: asyncio.TaskGroup,
        after: asyncio.Task[None] | None = None,
    ) -> None:
        self.name = name
        self.socket = socket
        self.tasks = tasks
        self._join_id = join_id
        self._join: Literal["waits", "accepted", "refused"] = "waits"
        self._waiting: list[ClientFrame] = []  # until the consumer has joined
        self._after = after  # the end of the session that this one replaces
        self._leave: ClientFrame | None = None
        self._ending: asyncio.Task[None] | None = None

    async def run(self, consumer: "Consumer") -> None:
        """Have the consumer join; `take` and `end` do the rest."""
        self._consumer = consumer
        try:
            await consumer._join()
            while self._waiting:
                consumer._take(self._waiting.pop(0))
        except Exception as error:
            closing = closing_for(error, consumer.scope["path"])
            consumer._close(closing.code, closing.reason)

    def serve(self, topic: str) -> None:
        if topic != self.name:
            raise Refusal(ErrorCode.NOT_FOUND, _("There is nothing of that name."))

    def accept(self) -> None:
        if self._join == "waits":
            self._join = "accepted"
            self.socket.send(encode(self.name, "ok", {}, frame_id=self._join_id))
            self._join_id = None

    def close(self, code: CloseCode, reason: str) -> None:
        if self._join == "waits":
            self._refuse_join(REFUSALS.get(code, ErrorCode.INTERNAL), reason)
        elif self._join == "accepted" and not self.is_ending:
            self.socket.send(encode(self.name, "left", {"code": int(code), "reason": reason}))
        self._refuse_waiting()
        self.end()

    @property
    def is_served(self) -> bool:
        """Whether its client hears the topic: not one that was put out, or joined again."""
        return not self.is_ending or self._leave is not None

    # For the multiplexer

    async def join(self, application: Application, scope: Scope) -> None:
        """Call the consumer's application, once the session that this one replaces has ended."""
        if self._after is not None:
            await asyncio.wait([self._after])
        try:
            if self.is_served:
                await application(scope, _no_topic, _no_topic)
        except Exception as error:  # before a consumer was found
            closing = closing_for(error, scope["path"])
            self.close(closing.code, closing.reason)
        if self._consumer is None:
            self.end()

    def take(self, frame: ClientFrame) -> None:
        """Hand a frame to the consumer; a `leave` ends the topic."""
        if frame.type == "leave":
            self._leave = frame
            self.end()
        elif len(self.under_way) + len(self._waiting) >= UNANSWERED_FRAMES:
            detail = _("Wait for the answers to what you sent.")
            raise Refusal(ErrorCode.RATE_LIMITED, detail, 0.5)
        elif self._consumer is not None and self._consumer.has_joined:
            self._consumer._take(frame)
        else:
            self._waiting.append(frame)

    def overtake(self) -> asyncio.Task[None]:
        """End the topic, since it is joined again."""
        if self._join == "waits" and not self.is_ending:
            detail = _("%(topic)s was joined again meanwhile.") % {"topic": self.name}
            self._refuse_join(ErrorCode.CONFLICT, detail)
        return self.end()

    def end(self) -> asyncio.Task[None]:
        """Have the consumer leave, after what is under way; returns the task that does."""
        if self._ending is None:  # outside the group: consumers leave when it is cancelled, too
            self._ending = asyncio.create_task(self._end())
        return self._ending

    @property
    def is_ending(self) -> bool:
        """Whether the consumer is to leave, or has left."""
        return self._ending is not None

    @property
    def has_left(self) -> bool:
        return self._ending is not None and self._ending.done()

    async def _end(self) -> None:
        """Have the consumer leave; then send the answers that are due."""
        if self._after is not None:
            await asyncio.wait([self._after])
        while self.under_way:
            await asyncio.wait(self.under_way)
        consumer, self._consumer = self._consumer, None
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
