"""Frames over HTTP, where WebSockets do not pass: a request is a WebSocket of the same application.

The body of `POST api/realtime/frames` is a client's frames, one a line, and so is the response. It
goes on for as long as the client stays or, with `?wait=25`, until something happens. No process
keeps anything between two requests: each joins its topics with what its client has of them.
"""

import asyncio
from contextlib import suppress
from hashlib import blake2b
from typing import ClassVar, Final
from urllib.parse import parse_qs

import msgspec
from msgspec import UNSET, Struct, UnsetType

from realtime.asgi import Application, Message, Receive, Scope, Send
from realtime.conf import limits
from realtime.protocol import PROTOCOL, CloseCode, ErrorCode, Refusal, encode, encode_refusal

SOCKET_PATH: Final = "/ws/"
LONGEST_WAIT_SECONDS: Final = 60
BODY_FRAMES: Final = 8  # so many frames of the largest size are a body of the largest size
STREAM_SECONDS: Final = 300  # then the client asks again; some proxies never say that it is gone
LINGER_SECONDS: Final = 0.05  # what happens within it is sent together
END_SECONDS: Final = 5.0  # how long the end of a response may wait for its client

STATUS: Final = {
    CloseCode.TOO_BIG: 413,
    CloseCode.FAILURE: 500,
    CloseCode.FLOODING: 429,
    CloseCode.UNAUTHENTICATED: 401,
    CloseCode.FORBIDDEN: 403,
    CloseCode.NOT_FOUND: 404,
}
"""The status of a response that has only a close; 503 for another code."""


class _Frame(Struct):
    id: str | UnsetType | None = UNSET


_frames = msgspec.json.Decoder(_Frame)


class HttpSocket:
    """A request and its response, as the two directions of a WebSocket.

    A subclass says in `write` and `close` how the response is made.
    """

    content_type: ClassVar[bytes] = b"application/x-ndjson"

    def __init__(self, receive: Receive, send: Send) -> None:
        self._request = receive
        self._response = send
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._messages.put_nowait({"type": "websocket.connect"})
        self._begun = self._complete = False  # of the response
        self._left = False  # whether the client is gone, or has all that it asked for

    async def run(self, application: Application, scope: Scope) -> None:
        """Answer the request by what `application` sends."""
        async with asyncio.TaskGroup() as tasks:
            helpers = [tasks.create_task(self._watch()), tasks.create_task(self.keep_up())]
            try:
                await application(scope, self._messages.get, self._send)
            finally:
                for each in helpers:
                    each.cancel()
        await self.respond_in_time(b"")

    def take(self, line: bytes) -> None:
        """Give the application a message of the client."""
        try:
            message: Message = {"type": "websocket.receive", "text": line.decode()}
        except UnicodeDecodeError:
            message = {"type": "websocket.receive", "bytes": line}
        self._messages.put_nowait(message)

    def leave(self) -> None:
        """Tell the application that the client is gone."""
        self._left = True
        self._messages.put_nowait({"type": "websocket.disconnect", "code": CloseCode.NORMAL})

    async def respond(
        self, data: bytes, status: int = 200, *headers: tuple[bytes, bytes], more: bool = True
    ) -> None:
        """Send a part of the response, after its head where it is the first."""
        if self._complete:
            return
        self._complete = not more
        if not self._begun:
            self._begun = True
            await self._response(head(status, self.content_type, *headers))
        await self._response({"type": "http.response.body", "body": data, "more_body": more})

    async def respond_in_time(
        self, data: bytes, status: int = 200, *headers: tuple[bytes, bytes]
    ) -> None:
        """Send the last part of the response, if the client is there and reads."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self.respond(data, status, *headers, more=False)

    # For subclasses

    async def write(self, text: str) -> None:
        """Respond with a frame."""
        raise NotImplementedError

    async def close(self, code: int, reason: str) -> None:
        """Respond with the end of the WebSocket."""
        raise NotImplementedError

    async def keep_up(self) -> None:
        """What is done while the application runs."""
        raise NotImplementedError

    async def _send(self, message: Message) -> None:
        match message["type"]:
            case "websocket.send" if self._left:
                raise ConnectionResetError
            case "websocket.send" if message.get("text") is not None:
                await self.write(message["text"])
            case "websocket.close":
                await self.close(message.get("code") or CloseCode.NORMAL, message["reason"])

    async def _watch(self) -> None:
        while (await self._request())["type"] != "http.disconnect":
            pass
        self.leave()


class StreamingSocket(HttpSocket):
    """Responds with each frame as it comes."""

    silence: ClassVar[bytes] = b"\n"
    """What is sent where nothing else was for a while, so that proxies keep the connection."""

    def line(self, text: str) -> bytes:
        return text.encode() + b"\n"

    async def write(self, text: str) -> None:
        if line := self.line(text):
            await self.respond(line)

    async def close(self, code: int, reason: str) -> None:
        await self.respond(self.line(left(code, reason)), status_of(code))

    async def keep_up(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(STREAM_SECONDS):
                while True:
                    await asyncio.sleep(limits().heartbeat_seconds)
                    with suppress(OSError):  # which the application is told of
                        await self.respond(self.silence)
        self.leave()


class PollingSocket(HttpSocket):
    """Responds once: when each frame of the client is answered, if that tells it anything new.

    What a client has joined before answers in the same way as long as nothing happens. It sends the
    digest of these answers along, and where it is the same the response waits for what happens.

    Args:
        frames: how many frames the client has sent.
        seconds: how long the response may wait.
        known: the digest that the client has had, or nothing.
    """

    def __init__(
        self, receive: Receive, send: Send, *, frames: int, seconds: int, known: str
    ) -> None:
        super().__init__(receive, send)
        self._unanswered = frames
        self._seconds = seconds
        self._known = known
        self._texts: list[str] = []
        self._bytes = 0
        self._changed = asyncio.Event()

    async def write(self, text: str) -> None:
        if not self._begun:
            self._unanswered -= _frames.decode(text).id is not UNSET
            self._texts.append(text)
            self._bytes += len(text)
            self._changed.set()

    async def close(self, code: int, reason: str) -> None:
        if not self._begun:
            status = 200 if self._texts else status_of(code)
            self._texts.append(left(code, reason))
            await self._respond_whole(status)

    async def keep_up(self) -> None:
        digest = ""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                while self._unanswered > 0 and not self._is_full:
                    await self._next()
                await asyncio.sleep(LINGER_SECONDS)
                digest = frames_digest(self._texts)
                if digest == self._known:
                    self._texts.clear()
                    self._changed.clear()
                    await self._next()
                    await asyncio.sleep(LINGER_SECONDS)
        await self._respond_whole(200, digest)
        self.leave()

    @property
    def _is_full(self) -> bool:
        return self._bytes > limits().outbox_bytes

    async def _next(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    async def _respond_whole(self, status: int, digest: str = "") -> None:
        body = "".join(f"{text}\n" for text in self._texts).encode()
        await self.respond_in_time(body, status, (b"x-frames-digest", digest.encode()))


class Frames:
    """The ASGI application that answers `POST api/realtime/frames`.

    Args:
        application: what serves WebSockets, inside `AdmissionMiddleware`.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await refuse(send, 405, "Send frames by POST.", (b"allow", b"POST"))
            return
        fields = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        query = {name: values[-1] for name, values in fields.items()}
        wait = query.get("wait")
        if wait is not None and not (
            wait.isascii() and wait.isdigit() and int(wait[:9]) <= LONGEST_WAIT_SECONDS
        ):
            bound = f"`wait` is a number of seconds, {LONGEST_WAIT_SECONDS} at most."
            await refuse(send, 400, bound)
            return
        most = BODY_FRAMES * limits().frame_bytes
        body = await body_of(receive, most)
        if body is None:  # the client is gone
            return
        lines = [line for line in body.split(b"\n") if line.strip()]
        if len(body) > most or len(lines) > limits().frames_burst:
            bound = f"A request has {limits().frames_burst} frames and {most} bytes at most."
            await refuse(send, 413, bound)
            return
        known = query.get("known", "")
        exchange: HttpSocket = (
            PollingSocket(receive, send, frames=len(lines), seconds=int(wait), known=known)
            if wait is not None
            else StreamingSocket(receive, send)
        )
        for line in lines:
            exchange.take(line)
        await exchange.run(self._application, as_websocket(scope, SOCKET_PATH))


def as_websocket(scope: Scope, path: str, query_string: bytes = b"") -> Scope:
    """The scope of a WebSocket at `path` that comes from the client of a request."""
    kept: Scope = {name: scope.get(name) for name in ("asgi", "headers", "client", "server")}
    return {
        **kept,
        "type": "websocket",
        "scheme": "wss" if scope.get("scheme") == "https" else "ws",
        "path": path,
        "root_path": "",
        "query_string": query_string,
        "subprotocols": [PROTOCOL],
    }


def left(code: int, reason: str) -> str:
    """The last frame of a response, in place of the close of a WebSocket."""
    return encode(None, "left", {"code": int(code), "reason": reason})


def status_of(code: int) -> int:
    return {int(each): status for each, status in STATUS.items()}.get(code, 503)


def head(status: int, content_type: bytes, *headers: tuple[bytes, bytes]) -> Message:
    """The head of a response that no cache keeps, no proxy holds back and no browser runs."""
    common = [
        (b"content-type", content_type),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
    ]
    return {"type": "http.response.start", "status": status, "headers": [*common, *headers]}


async def refuse(send: Send, status: int, detail: str, *headers: tuple[bytes, bytes]) -> None:
    """Answer a request that is no client's frames."""
    code = ErrorCode.TOO_LARGE if status == 413 else ErrorCode.INVALID
    body = encode_refusal(None, None, Refusal(code, detail)).encode() + b"\n"
    await send(head(status, HttpSocket.content_type, *headers))
    await send({"type": "http.response.body", "body": body})


async def body_of(receive: Receive, most: int) -> bytes | None:
    """The body of a request, or a longer beginning of it than `most`; None if its client left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        if len(body) <= most:
            body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


def frames_digest(texts: list[str]) -> str:
    """The digest of frames, in any order."""
    return blake2b("\n".join(sorted(texts)).encode(), digest_size=12).hexdigest()
