"""One client's connection, written to without ever waiting for it."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from realtime import metrics
from realtime.asgi import Message, Send
from realtime.conf import limits
from realtime.protocol import CloseCode, Refusal, encode_refusal

logger = logging.getLogger(__name__)

FINISH_SECONDS = 5.0
REASON_BYTES = 123  # of a close frame: RFC 6455, section 5.5
SHORTEST_POLL_SECONDS = 0.01
LONGEST_POLL_SECONDS = 1.0
FRAMES_AT_ONCE = 64  # what follows in a turn goes at its end, or once it is so many
TOO_SLOW = "You read more slowly than others write."
SENDABLE = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
"""The close codes that a frame may have: RFC 6455, section 7.4, and IANA's registry."""
PRIVATE_CODES = 3_000  # what is added to a close code that the server refuses to send


class Transport(Protocol):
    """The part of `asyncio.Transport` that sockets write to."""

    def write(self, data: bytes, /) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def is_closing(self) -> bool: ...
    def abort(self) -> None: ...


class Lent:
    """What a server of `realtime.servers` lends for one WebSocket, as `scope["realtime.lent"]`.

    The server calls `on_control_frame` for each ping, pong and fragment. ASGI does not report
    them, and parsing one costs as much as parsing a message. It calls `on_end` when nothing more
    may be written.
    """

    __slots__ = ("on_control_frame", "on_end", "transport")

    def __init__(self, transport: Transport | None) -> None:
        self.transport = transport
        self.forget()

    def forget(self) -> None:
        """Call back no more, or there is a circle that only the garbage collector would free."""
        self.on_control_frame: Callable[[], None] = ignore
        self.on_end: Callable[[], None] = ignore


def ignore() -> None:
    """The callback where none is set."""


class Frame:
    """A text frame, or several in a row, encoded once for any number of sockets."""

    __slots__ = ("messages", "size", "wire")

    def __init__(self, *texts: str) -> None:
        self.messages: list[tuple[Message, int]] = []  # for ASGI, each with its size in bytes
        wire = []  # RFC 6455, section 5.2: final, text, not masked, not compressed
        for text in texts:
            payload = text.encode()
            size = len(payload)
            if size < 126:
                data = b"\x81%c%b" % (size, payload)
            elif size < 65_536:
                data = b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
            else:
                data = b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), payload)
            wire.append(data)
            self.messages.append(({"type": "websocket.send", "text": text}, len(data)))
        self.wire = b"".join(wire)
        self.size = len(self.wire)


class Turn:
    """A turn of the event loop in which sockets are written to.

    It may bring a socket the events of many topics. The first frame goes at once, as a single one
    does, and those that follow go together at the end of the turn.
    """

    def __init__(self) -> None:
        self.number = 0  # of the turn; 0 until the first is written to
        self.unsent: list[Socket] = []
        self._numbers = itertools.count(1)

    def begin(self) -> int:
        self.number = next(self._numbers)
        asyncio.get_running_loop().call_soon(self._end)
        return self.number

    def _end(self) -> None:
        unsent, self.unsent, self.number = self.unsent, [], 0
        for socket in unsent:
            socket.flush()


_turn = Turn()


class Socket:
    """Writes frames in order, blocks nobody, and closes a client that cannot keep up.

    Where the server lends its transport (`realtime.servers`), encoded frames go straight to it, in
    two writes of a `Turn`, or more where it is much: each is a system call. Elsewhere messages go
    through a bounded outbox. While it holds messages, a task hands them to the server's ASGI
    `send`, which may wait for the client.
    """

    def __init__(self, send: Send, transport: Transport | None = None) -> None:
        self._send = send
        self._transport = transport
        self._turn = 0  # the number of the last in which it was written to
        self._unsent: list[bytes] | None = None  # what goes at the end of that turn
        # Each message with its size in bytes. A deque would take 0.7 KiB of every idle socket.
        self._outbox: list[tuple[Message, int]] = []
        self._outbox_bytes = 0
        self._sender: asyncio.Task[None] | None = None
        self._writable = True
        self._finished = False
        self._most_bytes = limits().outbox_bytes
        self._most_frames = limits().outbox_frames
        self.accepted = False
        self.closing: tuple[int, str] | None = None
        self.on_close: Callable[[], None] = ignore

    async def accept(self, message: Message) -> None:
        """Complete the handshake by a `websocket.accept`, unless it was completed before."""
        if self.accepted or self._finished:
            return
        self.accepted = True
        try:
            await self._send(message)
        except OSError:  # the client has left meanwhile
            self.abandon()

    def write(self, frame: Frame) -> None:
        """Send `frame`, or queue it behind what was sent before; never waits, never raises."""
        if not self._writable:
            return
        transport = self._transport
        if transport is not None:
            if transport.get_write_buffer_size() > self._most_bytes:
                self.close(CloseCode.TOO_SLOW, TOO_SLOW)
            elif self._turn != (number := _turn.number or _turn.begin()):
                self._turn = number
                if not transport.is_closing():
                    transport.write(frame.wire)
            else:
                if self._unsent is None:
                    self._unsent = []
                    _turn.unsent.append(self)
                self._unsent.append(frame.wire)  # which all hearers share
                if len(self._unsent) == FRAMES_AT_ONCE:
                    self.flush()
            return
        self._outbox += frame.messages
        self._outbox_bytes += frame.size
        if len(self._outbox) > self._most_frames or self._outbox_bytes > self._most_bytes:
            self.close(CloseCode.TOO_SLOW, TOO_SLOW)
        elif self._sender is None:
            self._sender = asyncio.create_task(self._send_outbox())

    def send(self, text: str) -> None:
        """Send a frame to this client alone."""
        self.write(Frame(text))
        metrics.frames_sent.inc()

    def refuse(self, topic: str | None, frame_id: str | None, refusal: Refusal) -> None:
        """Answer the frame with `frame_id` by an `error`."""
        metrics.refusals.labels(refusal.code).inc()
        self.send(encode_refusal(topic, frame_id, refusal))

    @property
    def is_open(self) -> bool:
        """Whether what is written may still reach the client."""
        lost = self._transport is not None and self._transport.is_closing()
        return self._writable and not lost

    @property
    def waiting_bytes(self) -> int:
        """The bytes that were written and that the client has not yet read."""
        if self._transport is not None:
            return self._transport.get_write_buffer_size() + sum(map(len, self._unsent or ()))
        return self._outbox_bytes

    async def drained(self) -> bool:
        """Wait until the client has read most of what was written.

        Call this between the parts of a long answer. Returns whether the client is still there.
        """
        pause = SHORTEST_POLL_SECONDS
        while self.is_open and self.waiting_bytes > self._most_bytes / 4:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_POLL_SECONDS)
        return self.is_open

    def close(self, code: int, reason: str) -> None:
        """Begin to close: nothing more is written, and `on_close` is called.

        A code that no close frame may have becomes 1011, as any fault of an application.
        """
        if self.closing is None:
            if code not in SENDABLE:
                logger.error("A socket was closed with %s, which cannot be sent: 1011 is.", code)
                code = CloseCode.FAILURE
            self.closing = (code, reason)
            metrics.closes.labels(int(code)).inc()
            self._writable = False
            self.on_close()

    def abandon(self) -> None:
        """Drop what is still queued, since the client is gone."""
        self._finished = True
        self._writable = False
        self._unsent = None
        if self._sender is not None:
            self._sender.cancel()
        self._outbox.clear()

    async def finish(self, subprotocol: str | None = None) -> None:
        """Close the connection, within a bounded time.

        A handshake that is not complete is accepted first, as `subprotocol`: a browser sees 1006
        for what is closed before, whatever the code.
        """
        if self._finished:
            return
        self._finished = True
        self._writable = False
        code, reason = self.closing or (CloseCode.NORMAL, "")
        self.flush()
        if self._transport is not None:  # or a client that never reads would keep it for ever
            asyncio.get_running_loop().call_later(FINISH_SECONDS, self._transport.abort)
        if self._sender is not None:
            if code != CloseCode.TOO_SLOW:
                await asyncio.wait([self._sender], timeout=FINISH_SECONDS)
            if self._sender is not None:
                self._sender.cancel()
        self._outbox.clear()
        with suppress(Exception):  # the client is gone, which each server reports in its own way
            async with asyncio.timeout(FINISH_SECONDS):
                if not self.accepted:
                    await self._send({"type": "websocket.accept", "subprotocol": subprotocol})
                await self._send_close(int(code), reason)

    def flush(self) -> None:
        """Give the transport what was written in this turn and has not gone yet."""
        unsent, self._unsent = self._unsent, None
        if unsent and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(unsent))

    async def _send_outbox(self) -> None:
        try:
            while self._outbox:
                message, size = self._outbox.pop(0)
                self._outbox_bytes -= size
                await self._send(message)
        except Exception:
            self.close(CloseCode.GOING_AWAY, "")  # the server has lost the client
        finally:
            self._sender = None

    async def _send_close(self, code: int, reason: str) -> None:
        short = reason.encode()[:REASON_BYTES].decode(errors="ignore")
        close: Message = {"type": "websocket.close", "code": code, "reason": short}
        try:
            await self._send(close)
        except Exception:
            if code >= PRIVATE_CODES:
                raise
            # Daphne by itself sends no code between 1000 and 3000.
            await self._send({**close, "code": PRIVATE_CODES + code})
