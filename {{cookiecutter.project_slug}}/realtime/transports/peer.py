"""Who a consumer speaks with: a client that sends and reads the frames of `realtime.v1`."""

from typing import Protocol, Self

from django.core.exceptions import ImproperlyConfigured

from realtime.asgi import Message, Receive, Scope, Send
from realtime.delivery.connection import Connection
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


class Peer(Protocol):
    """A consumer's client: on a WebSocket of its own, or on one topic of a shared one."""

    socket: Socket

    async def frame(self) -> ClientFrame | None:
        """The client's next frame; None at the end."""

    def accept(self) -> None:
        """The consumer has joined its topic; called again it does nothing."""

    def close(self, code: CloseCode, reason: str) -> None:
        """The consumer ends, before or after it was accepted."""


class WebSocketPeer:
    """A client that speaks `realtime.v1` over a WebSocket."""

    __slots__ = ("_connection", "_receive", "socket")

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
        connection.paces = False  # who sends too fast is told
        return cls(connection, receive)

    async def frame(self) -> ClientFrame | None:
        while (message := await self._receive())["type"] == "websocket.receive":
            frame = self._read(message)
            if frame is not None:
                return frame
        return None

    def accept(self) -> None:
        """Nothing: the WebSocket was accepted as it was opened."""

    def close(self, code: CloseCode, reason: str) -> None:
        self.socket.close(code, reason)

    def _read(self, message: Message) -> ClientFrame | None:
        frame_id = topic = None
        try:
            if message.get("text") is None:
                raise BadFrame("Frames are text, not binary.", None)
            frame = decode_frame(message["text"])
            frame_id, topic = frame.id, frame.topic
            if wait := self._connection.take():
                raise Refusal(ErrorCode.RATE_LIMITED, "You send too fast. Wait a little.", wait)
        except BadFrame as refusal:
            self._refuse(refusal.frame_id, None, refusal)
        except Refusal as refusal:
            self._refuse(frame_id, topic, refusal)
        else:
            return frame
        return None

    def _refuse(self, frame_id: str | None, topic: str | None, refusal: Refusal) -> None:
        self.socket.refuse(topic, frame_id, refusal)
        self._connection.refused()
