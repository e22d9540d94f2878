"""A uvicorn that lends its transports to the engine.

What is used of its inside is listed in `realtime.servers.uvicorn`.
"""

import asyncio
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from realtime.conf import limits
from realtime.delivery.socket import Lent
from realtime.protocol import CloseCode
from realtime.servers import DISCARDED_BYTES
from realtime.servers import uvicorn as plain
from realtime.servers.messages import Messages
from realtime.servers.uvicorn import LAST_SECONDS

HEAD_BYTES = 65_536
"""Of a request's first line and headers, or of its trailers."""
WAITING_REQUESTS = 100
"""Of one connection, which sent them before the first was answered."""
NOT_UTF8 = 1007
WRITABLE = asyncio.Event()
"""Of all sockets that may be written to: an event for each would take 0.8 KiB."""
WRITABLE.set()


def server(config: uvicorn.Config) -> plain.Server:
    config.http = HttpProtocol
    config.ws = WebSocketProtocol
    return Server(config)


class Server(plain.Server):
    """Lets nobody connect while it drains."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for each in self.servers:
            each.close()
        await super().shutdown(sockets)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Lends its transport to the engine, and bounds what a client can make the server do."""

    _paused = False
    _discarded: int | None = None  # bytes, once nothing of the client is wanted any more

    def connection_made(self, transport: Any) -> None:  # Any: the versions differ
        super().connection_made(transport)
        self.lent = Lent(transport)
        self.queue = Messages()  # type: ignore[assignment]
        self.writable = WRITABLE

    def pause_writing(self) -> None:
        self.writable = asyncio.Event()

    def resume_writing(self) -> None:
        self.writable.set()
        self.writable = WRITABLE

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:  # it was not refused; the application's task has not begun
            self.scope["realtime.lent"] = self.lent  # type: ignore[typeddict-unknown-key]

    async def send(self, message: Any) -> None:  # Any: one of uvicorn's private types
        await super().send(message)
        if self.handshake_complete and self.request is not None:  # then nobody reads these again
            self.request.headers.clear()  # the parser keeps the request itself
            self.request = self.response = None  # type: ignore[assignment]
            self.__dict__ = {**self.__dict__}  # without the room that it had to grow
        if message["type"] == "websocket.close" and message.get("code") == CloseCode.FLOODING:
            self._discard()

    def data_received(self, data: bytes) -> None:
        if self._discarded is not None:
            self._discarded += len(data)
            if self._discarded > DISCARDED_BYTES:
                self.transport.pause_reading()
            return
        super().data_received(data)
        if self.conn.handshake_exc is not None:  # such as a header that is too large
            self.transport.close()

    def handle_ping(self) -> None:
        if self.close_sent:
            self.conn.data_to_send()  # discards the pong
        else:
            super().handle_ping()
            self._count()

    def handle_pong(self, event: Frame) -> None:
        super().handle_pong(event)
        self._count()

    def handle_cont(self, event: Frame) -> None:
        if not event.fin:
            self._count()
        super().handle_cont(event)

    def handle_parser_exception(self) -> None:
        close = self.conn.close_sent
        if close is not None and not self.close_sent:
            event = {"type": "websocket.disconnect", "code": close.code, "reason": close.reason}
            self.queue.put_nowait(event)  # type: ignore[arg-type]  # one of uvicorn's private types
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
        self._discard()

    def send_receive_event_to_app(self) -> None:
        text = self.curr_msg_data_type == "text" and not self.close_sent
        if text and not is_utf8(b"".join(self.frames)):
            self.conn.send_close(NOT_UTF8)
            self.handle_parser_exception()  # uvicorn's own way would log a traceback
        else:
            super().send_receive_event_to_app()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.loop.call_later(LAST_SECONDS, self.transport.abort)

    def _discard(self) -> None:
        """Throw away what comes until the client hangs up: see `DISCARDED_BYTES`."""
        if self._discarded is not None or self.transport.is_closing():
            return
        self._discarded = 0
        self.lent.on_end()
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(LAST_SECONDS, self.transport.abort)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.transport.resume_reading()

    def _count(self) -> None:
        """Have the engine count a frame; read on in the next turn of the loop, after others."""
        if self.close_sent:
            return
        self.lent.on_control_frame()
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()
            self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        self._paused = False
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()


class HttpProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # chosen when imported
    """Closes a connection that sends no request, or no further one, in time.

    It aborts one that exceeds `HEAD_BYTES` or `WAITING_REQUESTS`, which httptools and uvicorn do
    not bound. h11 has bounds of its own, and does not call the `on_` methods that count here.
    """

    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._unanswered: list[Any] = []  # Any: as `last` below
        self._await_request()

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > HEAD_BYTES and getattr(self, "parser", None):
            self._abort()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._unanswered.append(self.cycle)
        if len(self._unanswered) == WAITING_REQUESTS + 1:  # once: what was read may have thousands
            self._abort()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        del self._unanswered[:1]
        self._handshake_timer.cancel()
        self._await_request()

    def _abort(self) -> None:
        for cycle in self._unanswered:  # or the one that is being answered would be written to
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.abort()

    def _await_request(self) -> None:
        self._handshake_timer = self.loop.call_later(
            limits().handshake_seconds, self._close_if_silent, self.cycle
        )

    def handle_websocket_upgrade(self, *request: Any) -> None:  # Any: none, or one of h11's events
        super().handle_websocket_upgrade(*request)
        self._handshake_timer.cancel()
        self.parser = None  # a circle, which only the garbage collector would free

    def _close_if_silent(self, last: Any) -> None:  # Any: one of uvicorn's private types
        answered = last is None or last.response_complete
        if self.cycle is last and answered and not self.transport.is_closing():
            self.transport.close()


def is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
