"""One client's connection, written to without ever waiting for it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from realtime import metrics
from realtime.asgi import Message, Send
from realtime.conf import limits
from realtime.delivery.lent import Transport, ignore
from realtime.protocol import CloseCode, Refusal, encode_refusal

HELD_FRAMES = 1_000
FINISH_SECONDS = 5.0
REASON_BYTES = 123  # of a close frame: RFC 6455, section 5.5
SHORTEST_POLL_SECONDS = 0.01
LONGEST_POLL_SECONDS = 1.0
TOO_SLOW = "You read more slowly than others write."
PRIVATE_CODES = 3_000  # what is added to a close code that the server refuses to send


class Frame:
    """A text frame, or some in a row, for any number of sockets: encoded once."""

    __slots__ = ("messages", "sizes", "topic", "wire")

    def __init__(self, *texts: str, topic: str | None = None) -> None:
        payloads = [each.encode() for each in texts]
        self.topic = topic
        self.messages: list[Message] = [{"type": "websocket.send", "text": each} for each in texts]
        self.sizes = [len(each) for each in payloads]
        self.wire = b"".join([_unmasked_text_frame(each) for each in payloads])


class Held:
    """What is kept back of a topic, and for how many consumers."""

    __slots__ = ("frames", "holders")

    def __init__(self) -> None:
        self.holders = 0
        self.frames: list[Frame] = []


class Socket:
    """Writes frames in order, holds up nobody, and closes a client that cannot keep up.

    Where the server lends its transport (`realtime.servers`), finished bytes go straight into its
    buffer. Elsewhere messages go through a bounded outbox, which a task hands to the server's ASGI
    `send` as long as there is something in it: a server may want a task to wait in.
    """

    __slots__ = (
        "_closed",
        "_held",
        "_most_bytes",
        "_most_frames",
        "_outbox",
        "_outbox_bytes",
        "_send",
        "_sender",
        "_slow",
        "_transport",
        "accepted",
        "closing",
        "on_close",
    )

    def __init__(self, send: Send, transport: Transport | None = None) -> None:
        self._send = send
        self._transport = transport
        self._held: dict[str, Held] = {}
        # Each message with its size in bytes. A deque would take 0.7 KiB of every idle socket.
        self._outbox: list[tuple[Message, int]] = []
        self._outbox_bytes = 0
        self._sender: asyncio.Task[None] | None = None
        self._slow = transport is None  # whether `write` must take the long way
        self._closed = False
        self._most_bytes = limits().outbox_bytes
        self._most_frames = limits().outbox_frames
        self.accepted = False
        self.closing: tuple[int, str] | None = None
        self.on_close: Callable[[], None] = ignore

    async def accept(self, message: Message) -> None:
        """Complete the handshake by a `websocket.accept`, unless it was completed before."""
        if self.accepted or self._closed:
            return
        self.accepted = True
        try:
            await self._send(message)
        except OSError:  # the client has left meanwhile
            self.abandon()

    def write(self, frame: Frame) -> None:
        """Send `frame`, or queue it behind what was sent before; never waits, never raises."""
        transport = self._transport
        if self._slow or transport is None:
            self._write_slowly(frame)
        elif transport.get_write_buffer_size() > self._most_bytes:
            self.close(CloseCode.TOO_SLOW, TOO_SLOW)
        elif not transport.is_closing():
            transport.write(frame.wire)

    def refuse(self, topic: str | None, frame_id: str | None, refusal: Refusal) -> None:
        """Answer the frame with `frame_id` by an `error`."""
        metrics.refusals.labels(refusal.code).inc()
        metrics.frames_sent.inc()
        self.write(Frame(encode_refusal(topic, frame_id, refusal)))

    def hold(self, topic: str) -> None:
        """Keep the frames of `topic` back until as many calls of `release`."""
        self._held.setdefault(topic, Held()).holders += 1
        self._slow = True

    def release(self, topic: str) -> None:
        """Send what was held of `topic`, unless another still holds it."""
        held = self._held.get(topic)
        if held is None:
            return
        held.holders -= 1
        if held.holders > 0:
            return
        del self._held[topic]
        self._slow = bool(self._held or self._closed or self.closing or not self._transport)
        for frame in held.frames:
            self.write(frame)

    def discard(self, topic: str) -> None:
        """Release `topic` without what was held of it: it is no longer for this client."""
        if topic in self._held:
            self._held[topic].frames.clear()
        self.release(topic)

    @property
    def is_open(self) -> bool:
        """Whether what is written may still reach the client."""
        lost = self._transport is not None and self._transport.is_closing()
        return not (lost or self._closed or self.closing)

    async def drained(self) -> bool:
        """Wait until the client has taken most of what was written: for those who write much.

        Returns whether the client is still there.
        """
        pause = SHORTEST_POLL_SECONDS
        while self.is_open and self.waiting_bytes > self._most_bytes / 4:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_POLL_SECONDS)
        return self.is_open

    def close(self, code: int, reason: str) -> None:
        """Begin to close: nothing more is written, and the socket's owner is told to finish."""
        if self.closing is None:
            self.closing = (code, reason)
            metrics.closes.labels(int(code)).inc()
            self._slow = True
            self.on_close()

    async def finish(self, subprotocol: str | None = None) -> None:
        """Close the connection for good; at the latest after a bounded wait for its client.

        Accepts it first where nobody has, as `subprotocol`: what is closed before that reaches a
        browser as 1006, whatever its code.
        """
        if self._closed:
            return
        self._closed = True
        code, reason = self.closing or (CloseCode.NORMAL, "")
        too_slow = code == CloseCode.TOO_SLOW
        if self._transport is not None:  # or a client that never reads would keep it for ever
            asyncio.get_running_loop().call_later(FINISH_SECONDS, self._transport.abort)
        if self._sender is not None and (too_slow or not await _done(self._sender)):
            self._sender.cancel()
        self._outbox.clear()
        with suppress(Exception):  # the client is gone already, and each server says so its own way
            async with asyncio.timeout(FINISH_SECONDS):
                if not self.accepted:
                    await self._send({"type": "websocket.accept", "subprotocol": subprotocol})
                await self._send_close(int(code), reason)

    def abandon(self) -> None:
        """The client is gone: drop what still waits for it."""
        self._closed = True
        self._slow = True
        if self._sender is not None:
            self._sender.cancel()
        self._outbox.clear()
        self._held.clear()

    def _write_slowly(self, frame: Frame) -> None:
        if self._closed or self.closing is not None:
            return
        if frame.topic in self._held:
            held = self._held[frame.topic].frames
            if len(held) < HELD_FRAMES:  # beyond it the client finds the gap, and asks
                held.append(frame)
        elif self._transport is not None:
            if self._transport.get_write_buffer_size() > self._most_bytes:
                self.close(CloseCode.TOO_SLOW, TOO_SLOW)
            elif not self._transport.is_closing():
                self._transport.write(frame.wire)
        else:
            self._enqueue(frame)

    def _enqueue(self, frame: Frame) -> None:
        self._outbox.extend(zip(frame.messages, frame.sizes, strict=True))
        self._outbox_bytes += sum(frame.sizes)
        if len(self._outbox) > self._most_frames or self._outbox_bytes > self._most_bytes:
            self.close(CloseCode.TOO_SLOW, TOO_SLOW)
        elif self._sender is None:
            self._sender = asyncio.create_task(self._send_outbox())

    @property
    def waiting_bytes(self) -> int:
        """What was written and the client has not yet taken."""
        if self._transport is not None:
            return self._transport.get_write_buffer_size()
        return self._outbox_bytes

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


async def _done(task: asyncio.Task[None]) -> bool:
    done, _ = await asyncio.wait([task], timeout=FINISH_SECONDS)
    return bool(done)


def _unmasked_text_frame(payload: bytes) -> bytes:
    """RFC 6455, section 5.2: final, text, not masked, not compressed."""
    length = len(payload)
    if length < 126:
        return b"\x81%c%b" % (length, payload)
    if length < 65_536:
        return b"\x81\x7e%b%b" % (length.to_bytes(2, "big"), payload)
    return b"\x81\x7f%b%b" % (length.to_bytes(8, "big"), payload)
