"""A daphne that lends its transports to the engine.

What is used of its inside is listed in `realtime.servers.daphne`.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Any
from urllib.parse import unquote

from autobahn.websocket.types import ConnectionDeny
from daphne.http_protocol import WebRequest
from daphne.ws_protocol import WebSocketProtocol
from twisted.web.http import RESPONSES

from realtime import bodies
from realtime.asgi import Message, Scope
from realtime.bodies import (
    FULL,
    FULL_DISK,
    PLAIN_TEXT,
    TIMEOUT,
    TOO_LARGE,
    answer_to,
    arriving,
    bounds,
    is_disk_full,
)
from realtime.conf import limits
from realtime.delivery.socket import Lent
from realtime.protocol import CloseCode
from realtime.servers import DISCARDED_BYTES
from realtime.servers import daphne as plain
from realtime.servers.messages import Messages

logger = logging.getLogger(__name__)

IN_MEMORY_BYTES = 2_621_440
UNREAD_BYTES = 65_536
WAITING_MESSAGES = 32
RESUME_SECONDS = 0.02
TEXT, BINARY = 1, 2  # opcodes: RFC 6455, section 5.2
LAST_SECONDS = 3.0  # how long a client has to answer that it is closed


class Server(plain.Server):
    """Lends its transports to the engine, reads no faster than it answers, and drains."""

    _port: Any = None  # Any: untyped in Twisted

    def listen_success(self, port: Any) -> None:  # Any: untyped in Twisted
        super().listen_success(port)
        self._port = port
        self.ws_factory.protocol = Protocol
        # A frame that is too big is answered with 1009, not dropped; origins are the engine's.
        self.ws_factory.setProtocolOptions(
            failByDrop=False, closeHandshakeTimeout=LAST_SECONDS, allowNullOrigin=True
        )
        self.http_factory.timeOut = limits().handshake_seconds
        self.http_factory.buildProtocol = partial(_with_deadline, self.http_factory.buildProtocol)

    def create_application(self, protocol: Any, scope: Scope) -> Any:  # Any: untyped in daphne
        scope["root_path"] = self.root_path  # daphne lets any client set it by a header
        if scope["type"] != "websocket":
            return super().create_application(protocol, scope)
        protocol.lent = scope["realtime.lent"] = Lent(Transport(protocol))
        scope["asgi"] = {"version": "3.0"}
        messages = PausingMessages(protocol.transport)
        running = self.application(scope, messages.get, partial(self.handle_reply, protocol))
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(running)
        return messages

    async def handle_reply(self, protocol: Any, message: Message) -> None:  # Any: untyped in daphne
        if message["type"] == "websocket.close" and protocol.state == protocol.STATE_OPEN:
            # daphne leaves the reason out, and autobahn's `sendClose` refuses most codes below 3000
            code = message.get("code") or CloseCode.NORMAL
            protocol.sendCloseFrame(code, (message.get("reason") or "").encode())
            if code == CloseCode.FLOODING:
                protocol.discard()
        else:
            await super().handle_reply(protocol, message)
            if message["type"] == "http.response.body" and message.get("more_body"):
                await _written(protocol.transport)

    async def drain(self) -> None:
        if self._port is not None:
            self._port.stopListening()
        await super().drain()
        sockets = [each for each in self.connections if isinstance(each, WebSocketProtocol)]
        if sockets:
            loop = asyncio.get_running_loop()
            closed = [socket.is_closed.asFuture(loop) for socket in sockets]
            await asyncio.wait(closed, timeout=LAST_SECONDS)


class Request(WebRequest):
    """Marks its connection when a request has come, and bounds its body as `BoundedBodies` does.

    Twisted reads a body before an application sees it, and would keep it in a file.
    """

    _status = 0  # why it was refused
    _size = 0
    _most_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def gotLength(self, length: int | None) -> None:  # noqa: N802 (Twisted's; the headers are complete)
        super().gotLength(length)
        self.content = SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 (Twisted closes it)
        self._parsePOSTFormSubmission = False  # Django reads forms
        _forget_deadline(self.channel)
        if length == 0:
            return
        path = self.channel._path.partition(b"?")[0]
        self._most_bytes, most_seconds = bounds(unquote(path.decode("latin-1")))
        if (length or 0) > self._most_bytes:
            self._refuse(TOO_LARGE)
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(most_seconds, self.give_up)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        if self._status:
            return
        try:
            super().handleContentChunk(data)
        except OSError as error:
            if not is_disk_full(error):
                raise
            logger.error(FULL_DISK)
            self._refuse(FULL)
            return
        self._size += len(data)
        if self._size > self._most_bytes:
            self._refuse(TOO_LARGE)
        else:
            arriving.keep(self, min(self._size, IN_MEMORY_BYTES))

    def process(self) -> Any:  # Any: untyped in daphne
        self._forget()
        return None if self._status else super().process()

    def finish(self) -> None:
        _await_request(self.channel)
        super().finish()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 (Any: untyped in Twisted)
        self._forget()
        super().connectionLost(reason)

    def give_up(self) -> None:
        if not self._status:
            self._refuse(TIMEOUT)

    def _refuse(self, status: int) -> None:
        self._forget()
        self._status = status
        logger.info("A request was refused with %d", status)
        text = answer_to(status)
        head = b"HTTP/1.1 %d %b\r\nConnection: close\r\n" % (status, RESPONSES[status])
        head += f"Content-Type: {PLAIN_TEXT}\r\nContent-Length: {len(text)}\r\n\r\n".encode()
        self.channel.transport.write(head + text)
        transport = self.channel.transport
        asyncio.get_running_loop().call_later(bodies.LAST_SECONDS, transport.abortConnection)

    def _forget(self) -> None:
        arriving.discard(self)
        if self._timer is not None:
            self._timer.cancel()


def _with_deadline(build: Callable[[Any], Any], address: Any) -> Any:  # Any: untyped in Twisted
    """Abort a connection that makes no request in time; Twisted waits as long as bytes come."""
    connection = build(address)
    connection.requestFactory = Request
    channel = connection._channel
    channel.timeoutConnection = partial(_end_idle, channel, channel.timeoutConnection)
    connection.connectionLost = partial(_lose, channel, connection.connectionLost)
    channel.deadline = None
    _await_request(channel)
    return connection


async def _written(tcp: Any) -> None:  # Any: untyped in Twisted
    """Wait until the client of a response has read most of it."""
    while tcp.connected and len(tcp.dataBuffer) - tcp.offset + tcp._tempDataLen > UNREAD_BYTES:
        await asyncio.sleep(RESUME_SECONDS)


def _await_request(channel: Any) -> None:  # Any: untyped in Twisted
    _forget_deadline(channel)
    loop = asyncio.get_running_loop()
    channel.deadline = loop.call_later(limits().handshake_seconds, _abort, channel)


def _forget_deadline(channel: Any) -> None:  # Any: untyped in Twisted
    if channel.deadline is not None:
        channel.deadline.cancel()
        channel.deadline = None


def _abort(channel: Any) -> None:  # Any: untyped in Twisted
    channel.transport.abortConnection()


def _lose(channel: Any, lose: Callable[..., None], reason: Any) -> None:  # Any: untyped in Twisted
    _forget_deadline(channel)
    lose(reason)


def _end_idle(channel: Any, close: Callable[[], None]) -> None:  # Any: untyped in Twisted
    """Answer a body that pauses; close a connection between requests."""
    if channel.requests and channel.deadline is None:
        channel.requests[-1].give_up()
    else:
        close()


class Protocol(WebSocketProtocol):
    """Has the engine count control frames: pings, pongs and fragments."""

    _begun = False
    _discarded: int | None = None  # bytes, once nothing of the client is wanted any more

    def discard(self) -> None:
        """Throw away what comes until the client hangs up: see `DISCARDED_BYTES`."""
        if self._discarded is None:
            self._discarded = 0
            self.transport.loseWriteConnection()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 (Twisted's)
        if self._discarded is None:
            super().dataReceived(data)
            return
        self._discarded += len(data)
        if self._discarded > DISCARDED_BYTES:
            self.transport.pauseProducing()

    def _fail_connection(self, code: int, reason: str) -> None:
        """Send a close, once; autobahn drops the connection at the next thing that is wrong."""
        if self.state == self.STATE_OPEN:
            super()._fail_connection(code, reason)
        self.discard()

    def onConnect(self, request: Any) -> Any:  # noqa: N802 (autobahn's; Any: untyped there)
        if not request.headers.get("sec-websocket-protocol", "").isascii():
            raise ConnectionDeny(400, "Not ASCII.")  # type: ignore[no-untyped-call]
        return super().onConnect(request)

    def sendMessage(self, payload: bytes, isBinary: bool = False, **options: Any) -> None:  # noqa: N802, N803
        """Send what an application sends; autobahn's own bounds it by what a client may send."""
        if self.state == self.STATE_OPEN:
            self.sendFrame(BINARY if isBinary else TEXT, payload)

    def onPing(self, payload: bytes) -> None:  # noqa: N802
        super().onPing(payload)
        self._count()

    def onPong(self, payload: bytes) -> None:  # noqa: N802
        super().onPong(payload)
        self._count()

    def onMessageBegin(self, is_binary: bool) -> None:  # noqa: N802
        super().onMessageBegin(is_binary)
        self._begun = False

    def onMessageFrameBegin(self, length: int) -> None:  # noqa: N802
        super().onMessageFrameBegin(length)
        if self._begun:
            self._count()
        self._begun = True

    def _count(self) -> None:
        """Have the engine count a frame. Twisted reads each socket once in a turn of the loop."""
        if self.state == self.STATE_OPEN:
            self.lent.on_control_frame()


class Transport:
    """A Twisted TCP transport in the terms of asyncio's.

    Twisted asks the reactor to watch a socket before it writes to it. Here what is written is given
    to the kernel at once, and only what the kernel does not take goes through Twisted's buffer.
    """

    __slots__ = ("_protocol", "_tcp")

    def __init__(self, protocol: Any) -> None:  # Any: untyped in daphne
        self._protocol = protocol
        self._tcp = protocol.transport

    def write(self, data: bytes) -> None:
        tcp = self._tcp
        if not tcp.connected or tcp.disconnecting:
            return
        if not self.get_write_buffer_size():
            taken = tcp.writeSomeData(data)
            if taken == len(data):
                return
            if isinstance(taken, int) and taken > 0:
                data = data[taken:]
        tcp.write(data)

    def get_write_buffer_size(self) -> int:
        waiting: int = len(self._tcp.dataBuffer) - self._tcp.offset + self._tcp._tempDataLen
        return waiting

    def is_closing(self) -> bool:
        return bool(self._protocol.state != self._protocol.STATE_OPEN)

    def abort(self) -> None:
        self._tcp.abortConnection()


class PausingMessages(Messages):
    """The messages of a socket; it pauses reading while too many wait."""

    __slots__ = ("_paused", "_tcp")

    def __init__(self, tcp: Any) -> None:  # Any: untyped in Twisted
        super().__init__()
        self._tcp = tcp
        self._paused = False

    def put_nowait(self, message: Message) -> None:
        super().put_nowait(message)
        if len(self._waiting) >= WAITING_MESSAGES and not self._paused:
            self._paused = True
            self._tcp.pauseProducing()
            self._resume_when_read()

    def _resume_when_read(self) -> None:
        if not self._tcp.connected:
            return
        if len(self._waiting) < WAITING_MESSAGES:
            self._paused = False
            self._tcp.resumeProducing()
        else:
            asyncio.get_running_loop().call_later(RESUME_SECONDS, self._resume_when_read)
