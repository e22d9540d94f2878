"""Bounds for the bodies of requests: the size and the time of each, and the size of all."""

import asyncio
import errno
import logging
import re
from typing import Protocol

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from realtime.asgi import Application, Message, Receive, Scope, Send
from realtime.conf import limits

logger = logging.getLogger(__name__)

BYTES_AT_ONCE = 67_108_864
LAST_SECONDS = 1.0  # how long a client that is refused may go on sending, so that it reads why

TIMEOUT, TOO_LARGE, FULL = 408, 413, 507
TEXTS = {
    TIMEOUT: _("The request took too long to arrive. Please send it again."),
    TOO_LARGE: _("The request is too large. Please send less."),
    FULL: _("The site has no room to store this. Please try again later."),
}
PLAIN_TEXT = "text/plain; charset=utf-8"
FULL_DISK = "A request was refused: the disk that uploads arrive on is full."


def answer_to(status: int) -> bytes:
    """What a request is answered that ends with this status, as plain text."""
    return f"{TEXTS[status]}\n".encode()


def bounds(path: str) -> tuple[int, float]:
    """The bytes and the seconds that the body of a request to this path may have."""
    if re.fullmatch(settings.UPLOAD_PATHS, path):
        return limits().upload_bytes, limits().upload_seconds
    return limits().body_bytes, limits().body_seconds


def is_disk_full(error: BaseException) -> bool:
    """Whether a file could not be written for want of room."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


class Body(Protocol):
    """A body that arrives."""

    def give_up(self) -> None: ...


class Arriving:
    """The bodies that have arrived in part, as far as they are in memory: Django puts the rest of
    an upload on the disk. Where they are too large together, the oldest ends.

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

    The inner application is told then that the client has gone. Where the disk is full that an
    upload arrives on, the request is answered with 507.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        exchange = Exchange(receive, send, *bounds(scope["path"]))
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > exchange.most_bytes:
            await exchange.refuse(TOO_LARGE)
            return
        try:
            await self._application(scope, exchange.receive, exchange.send)
        except OSError as error:
            if not is_disk_full(error) or exchange.has_begun:
                raise
            logger.error(FULL_DISK)
            exchange.status = FULL
        finally:
            arriving.discard(exchange)
        if exchange.status and not exchange.has_begun:
            await exchange.refuse(exchange.status)


class Exchange:
    """A request and its response."""

    def __init__(self, receive: Receive, send: Send, most_bytes: int, most_seconds: float) -> None:
        self.most_bytes = most_bytes
        self.status = 0  # why it has ended
        self.has_begun = False
        self._receive = receive
        self._send = send
        self._size = 0
        self._complete = False
        self._ends_at = asyncio.get_running_loop().time() + most_seconds
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
        if self._size > self.most_bytes:
            self.status = TOO_LARGE
        if self.status:
            return {"type": "http.disconnect"}
        self._complete = not message.get("more_body")
        if self._complete:
            arriving.discard(self)
        else:
            arriving.keep(self, min(self._size, limits().body_bytes))
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
        body = answer_to(status)
        headers = [
            (b"content-type", PLAIN_TEXT.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
        try:
            async with asyncio.timeout(LAST_SECONDS):
                while (await self._receive()).get("more_body"):
                    pass
        except TimeoutError:
            pass
        await self._send({"type": "http.response.body"})
