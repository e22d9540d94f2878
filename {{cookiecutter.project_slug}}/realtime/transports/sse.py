"""Topics as server-sent events, to be read by a dashboard's `EventSource` or by `curl`."""

import asyncio
from typing import Any, ClassVar
from urllib.parse import urlencode

import msgspec
from django.urls import URLPattern, path
from msgspec import Raw, Struct

from realtime.asgi import Application, Receive, Scope, Send
from realtime.transports.http import SOCKET_PATH, Frames, StreamingSocket, as_websocket, refuse

REPAIR_ID = "repair"
GAP_SECONDS = 0.2
RETRY_SECONDS = 1.0
HELD_EVENTS = 500
RECONNECT = b"retry: 2000\n\n"
OWN_SITES = (b"same-origin", b"none")
"""What Sec-Fetch-Site says of this site's own pages, and of an address that a person typed."""


class _Frame(Struct):
    type: str
    id: str | None = None
    topic: str | None = None
    rev: int | None = None
    data: Raw = Raw(b"{}")


class _Feed(Struct):
    epoch: str


_frames = msgspec.json.Decoder(_Frame)
_feeds = msgspec.json.Decoder(_Feed)


class EventStream(StreamingSocket):
    """Responds with the events of a topic, those of a feed once and in order.

    The id of an event is `epoch:rev`, the place up to which its client has the feed. An event that
    comes too early is held, and what is missing before it is asked for after a moment.
    """

    content_type: ClassVar[bytes] = b"text/event-stream"
    silence: ClassVar[bytes] = b":\n\n"

    def __init__(self, topic: str, receive: Receive, send: Send) -> None:
        super().__init__(receive, send)
        self._topic = topic
        self._epoch = ""
        self._rev = -1  # of the feed, if the topic is one
        self._head = 0
        self._held: dict[int, str] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._repairing = False

    def line(self, text: str) -> bytes:
        before = b"" if self._begun else RECONNECT
        try:
            frame = _frames.decode(text)
        except msgspec.MsgspecError:  # a stock consumer's message
            frame = _Frame("message")
        if frame.type in ("changes", "reset"):
            return before + self._caught_up(frame, text)
        if self._rev < 0 or frame.type == "welcome" or frame.topic != self._topic:
            return before + (b"" if frame.type == "heartbeat" else self._event(text))
        if frame.id == REPAIR_ID:  # refused
            self._repairing = False
            self._repair_in(RETRY_SECONDS)
            return b""
        if frame.rev is None:
            return self._event(text)
        self._head = max(self._head, frame.rev)
        if frame.type != "heartbeat" and frame.rev > self._rev and len(self._held) < HELD_EVENTS:
            self._held[frame.rev] = text
        return self._next()

    def _caught_up(self, frame: _Frame, text: str) -> bytes:
        self._epoch = _feeds.decode(frame.data).epoch
        self._rev = frame.rev or 0
        self._held = {rev: text for rev, text in self._held.items() if rev > self._rev}
        self._repairing = self._repairing and frame.id != REPAIR_ID
        return self._event(text) + self._next()

    def _next(self) -> bytes:
        """The held events that come next; if there are others, have what is missing repaired."""
        events = b""
        while not self._repairing and self._rev + 1 in self._held:
            self._rev += 1
            events += self._event(self._held.pop(self._rev))
        self._repair_in(GAP_SECONDS)
        return events

    def _repair_in(self, seconds: float) -> None:
        if self._timer is None and not self._repairing and self._head > self._rev:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._repair)

    def _repair(self) -> None:
        self._timer = None
        if self._head > self._rev:
            self._repairing = True
            since = {"since": self._rev, "epoch": self._epoch}
            self.take(msgspec.json.encode({"id": REPAIR_ID, "type": "changes", "data": since}))

    def _event(self, text: str) -> bytes:
        place = "" if self._rev < 0 else f"id: {self._epoch}:{self._rev}\n"
        return f"{place}data: {text.replace(chr(10), chr(10) + 'data: ')}\n\n".encode()


class Topics:
    """The ASGI application that answers `GET api/realtime/topics/<topic>`.

    It only reads: to hear a room one has to be in it.

    Args:
        application: what serves WebSockets, inside `AdmissionMiddleware`.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await refuse(send, 405, "Read a topic by GET.", (b"allow", b"GET"))
            return
        topic: str = scope["url_route"]["kwargs"]["topic"]
        headers = dict(scope["headers"])
        epoch, _, rev = headers.get(b"last-event-id", b"").decode("latin-1").rpartition(":")
        since = {"since": rev if rev.isdigit() else "0", "epoch": epoch}
        at = f"{SOCKET_PATH}{topic.replace(':', '/')}/"
        websocket = as_websocket(scope, at, urlencode(since).encode())
        site = headers.get(b"sec-fetch-site", OWN_SITES[0])
        if b"origin" not in headers and site in OWN_SITES:
            # A browser sends no Origin with a GET of its own site.
            own = b"%s://%s" % (scope.get("scheme", "http").encode(), headers.get(b"host", b""))
            websocket["headers"] = [*scope["headers"], (b"origin", own)]
        await EventStream(topic, receive, send).run(self._application, websocket)


def over_http(application: Application) -> list[URLPattern]:
    """The routes by which clients without a WebSocket reach an application that serves them."""
    frames: Any = Frames(application)  # Any: ASGI applications, where Django's `path` wants views
    topics: Any = Topics(application)
    return [
        path("api/realtime/frames", frames),
        path("api/realtime/topics/<str:topic>", topics),
    ]
