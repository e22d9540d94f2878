"""A client that sends and reads the frames of `realtime.v1`."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Self

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from realtime.asgi import Receive, Scope, Send
from realtime.delivery.connection import Connection, closing_for
from realtime.delivery.socket import Socket
from realtime.protocol import (
    PROTOCOL,
    BadFrame,
    ClientFrame,
    CloseCode,
    Closing,
    ErrorCode,
    Refusal,
    decode_frame,
)

if TYPE_CHECKING:
    from realtime.consumers import Consumer

COMMANDS_UNDER_WAY = 32

Tasks = tuple[asyncio.Task[None], ...]
"""An empty one takes no memory; most sockets are idle."""


class ClientSession:
    """What a consumer knows of its client: here the client has a WebSocket for this consumer alone.

    `multiplex.TopicSession` is the same for one topic of a shared WebSocket.
    """

    socket: Socket
    under_way: Tasks = ()
    """The tasks that answer the client, in the order in which they end."""

    tasks: asyncio.TaskGroup
    """Of what is under way."""

    def __init__(self, connection: Connection, receive: Receive) -> None:
        self.socket = connection.socket
        self._connection = connection
        self._receive = receive

    @classmethod
    async def open(cls, scope: Scope, receive: Receive, send: Send) -> Self:
        """Accept a WebSocket.

        Raises:
            Closing: the client does not offer `realtime.v1` (4409).
            ImproperlyConfigured: the WebSocket has not passed `AdmissionMiddleware`.
        """
        connection: Connection | None = scope.get("realtime.connection")
        if connection is None:
            raise ImproperlyConfigured(
                f"The consumer at {scope['path']} stands outside AdmissionMiddleware, which tells "
                "it who comes: put it inside, in config/asgi.py."
            )
        await receive()  # websocket.connect
        if PROTOCOL not in scope["subprotocols"]:
            raise Closing(CloseCode.VERSION, f"Offer the subprotocol {PROTOCOL}.")
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        connection.paces = False  # a client that sends too fast gets errors from `frame`
        return cls(connection, receive)

    async def run(self, consumer: "Consumer") -> None:
        """Have the consumer join, answer the client's frames, and leave."""
        try:
            await consumer._join()
            async with asyncio.TaskGroup() as self.tasks:
                while (frame := await self.frame()) is not None:
                    most = COMMANDS_UNDER_WAY if consumer._take(frame) else 1
                    while len(self.under_way) >= most:
                        await asyncio.wait(self.under_way[:1])
                    del frame  # which is not kept until the next one comes
        except Exception as error:
            closing = closing_for(error, consumer.scope["path"])
            consumer._close(closing.code, closing.reason)
        finally:
            await consumer._leave()

    async def frame(self) -> ClientFrame | None:
        """The client's next frame; None at the end."""
        while (message := await self._receive())["type"] == "websocket.receive":
            topic = frame_id = None
            try:
                frame = decode_frame(message.get("text"))
                topic, frame_id = frame.topic, frame.id
                wait = self._connection.take()
                if not wait:
                    return frame
                detail = _("You send too fast. Wait a little.")
                raise Refusal(ErrorCode.RATE_LIMITED, detail, wait)
            except Refusal as refusal:
                if isinstance(refusal, BadFrame):
                    frame_id = refusal.frame_id
                self.socket.refuse(topic, frame_id, refusal)
                self._connection.refused()
        return None

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do `work`, which has to end after all that is under way."""
        task = self.tasks.create_task(work)
        self.under_way = (*self.under_way, task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        self.under_way = without(task, self.under_way)

    @property
    def is_served(self) -> bool:
        """Whether the consumer may send its client anything; the socket itself knows when not."""
        return True

    def serve(self, topic: str) -> None:
        """The consumer serves the topic of this name.

        Raises:
            Refusal: `not_found`, the client has joined it by another spelling.
        """

    def accept(self) -> None:
        """The consumer has joined its topic; a second call does nothing."""

    def close(self, code: CloseCode, reason: str) -> None:
        """The consumer ends, before or after it was accepted."""
        self.socket.close(code, reason)


def without(task: asyncio.Task[None], tasks: Tasks) -> Tasks:
    """The `tasks` but this one."""
    return tuple(each for each in tasks if each is not task)
