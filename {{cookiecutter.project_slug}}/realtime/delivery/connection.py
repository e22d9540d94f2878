"""One admitted WebSocket: plain ASGI in both directions, within the limits."""

import asyncio
import logging
from time import monotonic
from typing import Final

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _

from realtime import metrics
from realtime.asgi import Application, Message, Receive, Scope, Send
from realtime.conf import limits
from realtime.database import is_away
from realtime.delivery.socket import TOO_SLOW, Socket
from realtime.layers import is_layer_away
from realtime.layers.leftovers import forget_made
from realtime.protocol import CloseCode, Closing, ErrorCode, Refusal
from realtime.sessions import VerifiedSession

logger = logging.getLogger(__name__)

LEAVE_SECONDS: Final = 10.0  # how long an application may go on after its socket has ended
AFTER_END_SECONDS: Final = 0.001  # the pause for an application that sends after the end


class TokenBucket:
    """Holds `size` tokens, refilled at `per_second`; each message takes one."""

    __slots__ = ("_filled_at", "_per_second", "_size", "_tokens")

    def __init__(self, per_second: float, size: float) -> None:
        self._per_second = per_second
        self._size = size
        self._tokens = size
        self._filled_at = monotonic()

    def take(self) -> float:
        """Take a token: 0.0 if there was one, else the seconds until there will be."""
        self._fill()
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._per_second

    @property
    def is_full(self) -> bool:
        """Whether nothing of it is used."""
        self._fill()
        return self._tokens == self._size

    def _fill(self) -> None:
        now = monotonic()
        self._tokens = min(self._size, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now


class Person:
    """What the sockets of one person share in a process."""

    def __init__(self) -> None:
        self.sockets = 0
        self.bucket = TokenBucket(limits().user_frames_per_second, limits().user_frames_burst)


class Connection:
    """A signed-in person's WebSocket, between the server and the application.

    The application gets `receive` and `send` in place of the server's, and finds this object under
    `scope["realtime.connection"]`. To end the connection from elsewhere call `socket.close`: the
    application then receives the disconnect, and the client the code.
    """

    person: Person

    def __init__(
        self,
        application: Application,
        base_path: str,
        receive: Receive,
        send: Send,
        socket: Socket,
        signed_in: VerifiedSession,
    ) -> None:
        bounds = limits()
        self.application = application
        self.base_path = base_path  # what came before the path that the application routes
        self.socket = socket
        self.user_id: int = signed_in.user.pk
        self.password = signed_in.user.password
        self.session_key = signed_in.session_key
        self.last_heard = self.opened_at = asyncio.get_running_loop().time()
        self.paces = True
        """Whether `receive` waits where the client sends too fast. An application that answers
        such messages sets this to False and calls `take` itself."""
        self._receive = receive
        self._send = send
        self._paced: Message | None = None  # received; the application stopped waiting
        self._bucket = TokenBucket(bounds.frames_per_second, bounds.frames_burst)
        self._refusals = TokenBucket(bounds.flood_refusals / 10, bounds.flood_refusals)
        self._lifetime: asyncio.Timeout | None = None
        self._receiving: asyncio.Timeout | None = None
        self._answers_http = False  # whether the server can, in place of a handshake
        self._rejectable = False  # the socket was accepted before the application was asked
        self._connected = False  # whether the application has been told
        self._disconnected = False
        socket.on_close = self._end

    async def run(self, scope: Scope) -> None:
        """Run the application until either side ends the socket, and leave nothing behind."""
        self._rejectable = self.socket.accepted
        extensions = scope.get("extensions", ())
        self._answers_http = "websocket.http.response" in extensions and not self._rejectable
        path = scope["path"]
        try:
            async with asyncio.timeout(None) as self._lifetime:
                try:
                    await self.application(scope, self.receive, self.send)
                except Exception as error:
                    closing = closing_for(error, path)
                    self.socket.close(closing.code, closing.reason)
        except asyncio.CancelledError:
            self._lifetime = None
            self.socket.close(CloseCode.GOING_AWAY, "The server stops.")
            raise
        except TimeoutError:
            logger.error("%s went on for %d s after its end", path, LEAVE_SECONDS)
        finally:
            self._lifetime = None
            forget_made()
            await self.socket.finish(next(iter(scope["subprotocols"]), None))
            by = "the client" if self.socket.closing is None else int(self.socket.closing[0])
            seconds = round(asyncio.get_running_loop().time() - self.opened_at, 3)
            extra = {"user": self.user_id, "seconds": seconds}
            logger.info("%s closed by %s after %.1f s", path, by, seconds, extra=extra)

    async def receive(self) -> Message:
        """The client's next message; the disconnect as soon as either side has ended the socket."""
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        while self.socket.closing is None and not self._disconnected:
            message, self._paced = self._paced, None
            if message is None:
                try:
                    async with asyncio.timeout(None) as self._receiving:
                        message = await self._receive()
                except TimeoutError:  # the socket is closed from here
                    break
                finally:
                    self._receiving = None
                if message["type"] == "websocket.disconnect":
                    self._disconnected = True
                    self.socket.abandon()
                    self._end()
                    return message
                self._note_received(message)
            try:
                while self.paces and self.socket.closing is None and (wait := self.take()):
                    await asyncio.sleep(wait)
            except asyncio.CancelledError:  # as by a timeout of the application's own
                self._paced = message
                raise
            if self.socket.closing is None:
                return message
        if self._disconnected:  # the application was told, and asks again: it waits for its end
            await asyncio.Event().wait()
        self._disconnected = True
        code, reason = self.socket.closing or (CloseCode.NORMAL, "")
        return {"type": "websocket.disconnect", "code": int(code), "reason": reason}

    async def send(self, message: Message) -> None:
        """Send what the application sends; nothing once the socket has ended."""
        match message["type"]:
            case "websocket.accept":
                self._rejectable = self._answers_http = False
                await self.socket.accept(message)
            case "websocket.send":
                await self._deliver(message)
            case "websocket.close" | "websocket.http.response.start" if self._rejectable:
                code = message.get("code", CloseCode.NORMAL)
                if code == CloseCode.NORMAL:  # as a rejected handshake has no code
                    code = CloseCode.FORBIDDEN
                self.socket.close(code, message.get("reason") or "The application refuses you.")
                await self.socket.finish()
            case "websocket.close":
                code, reason = message.get("code") or CloseCode.NORMAL, message.get("reason") or ""
                self.socket.close(code, reason)
                if self.socket.accepted:
                    await self.socket.finish()
                else:  # the handshake is rejected, by HTTP
                    self.socket.abandon()
                    await self._send(message)
            case "websocket.http.response.start" if not self._answers_http:
                await self.send({"type": "websocket.close"})
            case "websocket.http.response.start":
                self.socket.abandon()
                await self._send(message)
            case _ if self._answers_http or not message["type"].startswith("websocket.http"):
                await self._send(message)

    def take(self) -> float:
        """Take a token for one message: 0.0 if there was one, else the seconds until there is."""
        return self._bucket.take() or self.person.bucket.take()

    def refused(self) -> None:
        """Count a message that was refused; too many close the socket with 4029."""
        if self._refusals.take():
            self.socket.close(CloseCode.FLOODING, "You kept sending what was refused.")

    def count_control_frame(self) -> None:
        """Count a ping, pong or fragment: it costs its sender as much as a message."""
        self.last_heard = asyncio.get_running_loop().time()
        if self.socket.closing is None and self.take():
            self.refused()

    def _note_received(self, message: Message) -> None:
        self.last_heard = asyncio.get_running_loop().time()
        metrics.frames_received.inc()
        text = message.get("text") or ""
        content = message.get("bytes") or text.encode("utf-8", "replace")
        if len(content) > limits().frame_bytes:
            bound = f"Frames have {limits().frame_bytes} bytes at most."
            self.socket.close(CloseCode.TOO_BIG, bound)

    async def _deliver(self, message: Message) -> None:
        if not self.socket.is_open:
            self._end()
            await asyncio.sleep(AFTER_END_SECONDS)
            return
        if self.socket.waiting_bytes > limits().outbox_bytes:
            self.socket.close(CloseCode.TOO_SLOW, TOO_SLOW)
            return
        try:
            async with asyncio.timeout(limits().send_seconds):
                await self._send(message)
            metrics.frames_sent.inc()
        except TimeoutError:
            self.socket.close(CloseCode.TOO_SLOW, TOO_SLOW)
        except OSError:  # the client is gone
            self.socket.abandon()
            self._end()

    def _end(self) -> None:
        """Tell the application that the socket has ended, and limit how long it may go on."""
        now = asyncio.get_running_loop().time()
        if self._lifetime is not None and self._lifetime.when() is None:
            self._lifetime.reschedule(now + LEAVE_SECONDS)
        if self._receiving is not None:
            self._receiving.reschedule(now)


# What a client is told of an exception

CLOSE_CODES = {
    ErrorCode.FORBIDDEN: CloseCode.FORBIDDEN,
    ErrorCode.NOT_FOUND: CloseCode.NOT_FOUND,
    ErrorCode.RATE_LIMITED: CloseCode.FLOODING,
    ErrorCode.UNAVAILABLE: CloseCode.OVERLOAD,
}


def refusal_for(error: Exception, what: str) -> Refusal:
    """The answer to a frame, or to a join, that `error` ended; failures are logged.

    Args:
        what: what failed, for the log.
    """
    match error:
        case Refusal():
            return error
        case Http404():
            return Refusal(ErrorCode.NOT_FOUND, _("There is nothing here."))
        case PermissionDenied():
            return Refusal(ErrorCode.FORBIDDEN, _("You may not do this."))
        case _ if is_away(error):
            logger.error("%s failed: %s", what, error)
            return Refusal(ErrorCode.UNAVAILABLE, _("The database is away. Try again."), 1)
    logger.error("%s failed", what, exc_info=error)
    return Refusal(ErrorCode.INTERNAL, _("The server failed."))


def closing_for(error: Exception, what: str) -> Closing:
    """How a socket, or a topic, closes whose application was ended by `error`."""
    if isinstance(error, Closing):
        return error
    if is_layer_away(error):
        logger.error("%s failed: %s: %s", what, type(error).__name__, error)
        return Closing(CloseCode.OVERLOAD, "The server cannot serve you now.")
    refusal = refusal_for(error, what)
    return Closing(CLOSE_CODES.get(refusal.code, CloseCode.FAILURE), refusal.detail)
