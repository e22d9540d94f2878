"""The gateway: everything that a socket passes before a consumer sees it.

It speaks the handshake, asks who comes, keeps the limits and closes. Consumers behind it get whole
frames of a sensible size from a known person.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from realtime import stats
from realtime.auth import Scope, SignIn, check_protocol, sign_in
from realtime.bucket import TokenBucket
from realtime.conf import limits
from realtime.process import Process, this_process
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
from realtime.socket import Message, Send, Socket
from realtime.tracing import new_id, working_for

logger = logging.getLogger(__name__)

OTHER_FRAME: Message = {"type": "realtime.other_frame"}
"""What servers put among a socket's messages for a frame that is none: a ping, a pong, a fragment.

These cost their sender as much as a message does: parsing them keeps everybody waiting.
"""

Receive = Callable[[], Awaitable[Message]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Gateway:
    """An ASGI application that admits sockets to `routes`, usually a `URLRouter` of consumers."""

    def __init__(self, routes: Application) -> None:
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        process = this_process()
        working_for.set(new_id())
        await receive()  # websocket.connect
        # Accept first: what is closed before that reaches a browser as 1006, whatever its code.
        spoken = PROTOCOL if PROTOCOL in scope["subprotocols"] else None
        socket = Socket(send, scope.get("realtime.transport"))
        try:
            await send({"type": "websocket.accept", "subprotocol": spoken})
            connection = await self._admit(scope, receive, socket, process)
        except Closing as closing:
            logger.info("%s refused with %d: %s", scope["path"], closing.code, closing.reason)
            socket.close(closing.code, closing.reason)
            await socket.finish()
        else:
            await connection.serve(self.routes, scope)

    async def _admit(
        self, scope: Scope, receive: Receive, socket: Socket, process: Process
    ) -> "Connection":
        check_protocol(scope)
        try:
            signed_in = await sign_in(scope)
        except Closing:
            raise
        except Exception as error:
            logger.error("A socket could not be signed in: %s: %s", type(error).__name__, error)
            raise Closing(CloseCode.OVERLOAD, "The server cannot sign you in now.") from None
        if process.draining:  # asked last: nobody closes what is let in after the drain has begun
            raise Closing(CloseCode.RESTART, "The server restarts.")
        if process.sockets_of(signed_in.user.pk) >= limits().sockets_per_user:
            raise Closing(CloseCode.FLOODING, "You have too many connections open.")
        return Connection(receive, socket, signed_in, process)


class Connection:
    """One admitted socket: its person, its limits, its end."""

    def __init__(
        self, receive: Receive, socket: Socket, signed_in: SignIn, process: Process
    ) -> None:
        self.socket = socket
        self.user = signed_in.user
        self.user_id: int = signed_in.user.pk
        self.password = signed_in.user.password
        self.session_key = signed_in.session_key
        self.last_heard = self.opened_at = asyncio.get_running_loop().time()
        self._receive = receive
        self._process = process
        self._lifetime = asyncio.timeout(None)
        self._receiving = False
        bounds = limits()
        self._frame_bytes = bounds.frame_bytes
        self._bucket = TokenBucket(bounds.frames_per_second, bounds.frames_burst)
        self._patience = TokenBucket(bounds.flood_refusals / 10, bounds.flood_refusals)
        socket.on_close = self._interrupt

    async def serve(self, routes: Application, scope: Scope) -> None:
        """Run the consumer until either side closes, then leave nothing behind."""
        self._person = self._process.add(self)
        inner = {**scope, "user": self.user, "realtime.link": self, "realtime.routes": routes}
        try:
            with suppress(TimeoutError):
                async with self._lifetime:
                    await routes(inner, self.receive, _no_send)
        except Exception:
            logger.exception("A consumer failed on %s", scope["path"])
            self.socket.close(CloseCode.FAILURE, "The server failed.")
        finally:
            await self.socket.finish()
            self._process.remove(self)
            self._log_end(scope["path"])

    def _log_end(self, path: str) -> None:
        code = "the client" if self.socket.closing is None else int(self.socket.closing[0])
        seconds = round(asyncio.get_running_loop().time() - self.opened_at, 3)
        logger.info(
            "%s closed by %s after %.1f s",
            path,
            code,
            seconds,
            extra={"user": self.user_id, "seconds": seconds},
        )

    def accept(self) -> None:
        """Nothing: the gateway accepted the socket before it asked who comes."""

    def close(self, code: CloseCode, reason: str) -> None:
        self.socket.close(code, reason)

    async def receive(self) -> Message:
        """The next frame within the limits, under the key `frame`; or the disconnect."""
        while self.socket.closing is None:
            self._receiving = True
            message = await self._receive()
            self._receiving = False
            if message["type"] == "websocket.disconnect":
                self.socket.abandon()
                return message
            self.last_heard = asyncio.get_running_loop().time()
            if message is OTHER_FRAME:
                self._admit_other_frame()
                continue
            stats.received.value += 1
            frame = self._admit_frame(message)
            if frame is not None:
                return {"type": "websocket.receive", "frame": frame}
        return {"type": "websocket.disconnect", "code": self.socket.closing[0]}

    def _admit_frame(self, message: Message) -> ClientFrame | None:
        text: str | None = message.get("text")
        payload: bytes = message["bytes"] if text is None else text.encode("utf-8", "replace")
        if len(payload) > self._frame_bytes:
            self.socket.close(CloseCode.TOO_BIG, f"Frames have {self._frame_bytes} bytes at most.")
            return None
        frame_id = topic = None
        try:
            if text is None:
                raise BadFrame("Frames are text, not binary.", None)
            frame = decode_frame(payload)
            frame_id, topic = frame.id, frame.topic
            self._take_token()
        except BadFrame as refusal:
            self._refuse(refusal.frame_id, None, refusal)
        except Refusal as refusal:
            self._refuse(frame_id, topic, refusal)
        else:
            return frame
        return None

    def _admit_other_frame(self) -> None:
        try:
            self._take_token()
        except Refusal:
            self._lose_patience()

    def _take_token(self) -> None:
        wait = self._bucket.take() or self._person.bucket.take()
        if wait:
            raise Refusal(ErrorCode.RATE_LIMITED, "You send too fast. Wait a little.", wait)

    def _refuse(self, frame_id: str | None, topic: str | None, refusal: Refusal) -> None:
        self.socket.refuse(topic, frame_id, refusal)
        self._lose_patience()

    def _lose_patience(self) -> None:
        if self._patience.take():
            self.socket.close(CloseCode.FLOODING, "You kept sending what was refused.")

    def _interrupt(self) -> None:
        """Stop waiting for the client; a command that is under way finishes first."""
        if self._receiving:
            self._lifetime.reschedule(asyncio.get_running_loop().time())


async def _no_send(message: Message) -> None:
    raise RuntimeError("Consumers write to their link's socket.")
