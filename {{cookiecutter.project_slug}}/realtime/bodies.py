"""Bounds for the bodies of requests: the size and the time of each, and the size of all."""

import asyncio
import logging
from typing import Protocol

from realtime.asgi import Application, Message, Receive, Scope, Send
from realtime.conf import limits

logger = logging.getLogger(__name__)

BYTES_AT_ONCE = 67_108_864
LAST_SECONDS = 1.0  # how long a client that is refused may go on sending, so that it reads why

TIMEOUT, TOO_LARGE = 408, 413
TEXTS = {
    TIMEOUT: b"The request took too long to arrive. Please send it again.\n",
    TOO_LARGE: b"The request is too large. Please send less.\n",
}


class Body(Protocol):
    """A body that arrives."""

    def give_up(self) -> None: ...


class Arriving:
    """The bodies that have arrived in part. Where they are too large together, the oldest ends.

    A body of an ordinary client is complete in an instant, so this ends those that are slow.
    """

    def __init__(self) -> None:
        self._oldest_first: dict[Body, int] = {}
        self._bytes = 0

    def keep(self, body: Body, size: int) -> None:
        """Note that so many bytes of a body have arrived."""
        self._bytes += size - self._oldest_first.get(body, 0)
        self._oldest_first[body] = size
        while self._bytes > BYTES_AT_ONCE:
            oldest = next(iter(self._oldest_first))
            self.discard(oldest)
            oldest.give_up()

    def discard(self, body: Body) -> None:
        self._bytes -= self._oldest_first.pop(body, 0)


arriving = Arriving()


class BoundedBodies:
    """An ASGI application that ends requests whose body is too large (413) or too slow (408).

    The inner application is told then that the client has gone.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        exchange = Exchange(receive, send)
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > limits().body_bytes:
            await exchange.refuse(TOO_LARGE)
            return
        try:
            await self._application(scope, exchange.receive, exchange.send)
        finally:
            arriving.discard(exchange)
        if exchange.status and not exchange.has_begun:
            await exchange.refuse(exchange.status)


class Exchange:
    """A request and its response."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.status = 0  # why it has ended
        self.has_begun = False
        self._receive = receive
        self._send = send
        self._size = 0
        self._complete = False
        self._ends_at = asyncio.get_running_loop().time() + limits().body_seconds
        self._waiting: asyncio.Timeout | None = None

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()
        idle_at = asyncio.get_running_loop().time() + limits().handshake_seconds
        try:
            async with asyncio.timeout_at(min(self._ends_at, idle_at)) as self._waiting:
                message = await self._receive()
        except TimeoutError:
            self.status = TIMEOUT
            message = {}
        finally:
            self._waiting = None
        self._size += len(message.get("body", b""))
        if self._size > limits().body_bytes:
            self.status = TOO_LARGE
        if self.status:
            return {"type": "http.disconnect"}
        self._complete = not message.get("more_body")
        if self._complete:
            arriving.discard(self)
        else:
            arriving.keep(self, self._size)
        return message

    async def send(self, message: Message) -> None:
        if not self.status:
            self.has_begun = True
            await self._send(message)

    def give_up(self) -> None:
        self.status = TIMEOUT
        if self._waiting is not None:
            self._waiting.reschedule(0)

    async def refuse(self, status: int) -> None:
        """Answer, and read on for a moment."""
        logger.info("A request was refused with %d", status)
        headers = [
            (b"content-type", b"text/plain"),
            (b"content-length", b"%d" % len(TEXTS[status])),
            (b"connection", b"close"),
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": TEXTS[status], "more_body": True})
        try:
            async with asyncio.timeout(LAST_SECONDS):
                while (await self._receive()).get("more_body"):
                    pass
        except TimeoutError:
            pass
        await self._send({"type": "http.response.body"})
