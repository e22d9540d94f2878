"""Topics as server-sent events, to be read by a dashboard's `EventSource` or by `curl`."""

from typing import Any, ClassVar
from urllib.parse import urlencode

import msgspec
from django.urls import URLPattern, path
from msgspec import Raw, Struct

from realtime.asgi import Application, Receive, Scope, Send
from realtime.transports.http import (
    SOCKET_PATH,
    Frames,
    Stream,
    as_websocket,
    refuse,
)

REPAIR_ID = "repair"
RECONNECT = b"retry: 2000\n\n"
OWN_SITES = (b"same-origin", b"none")
"""What Sec-Fetch-Site says of this site's own pages, and of an address that a person typed."""


class _Frame(Struct):
    type: str
    topic: str | None = None
    rev: int | None = None
    data: Raw = Raw(b"{}")


class _History(Struct):
    epoch: str | None = None


_frames = msgspec.json.Decoder(_Frame)
_history = msgspec.json.Decoder(_History)


class EventStream(Stream):
    """Responds with the events of a topic, each of a topic with history once and in order.

    The id of an event is `epoch:rev`, the place up to which its client has the topic. What the
    channel layer loses or brings too early is asked for at once.
    """

    content_type: ClassVar[bytes] = b"text/event-stream"
    silence: ClassVar[bytes] = b":\n\n"

    def __init__(self, topic: str, receive: Receive, send: Send) -> None:
        super().__init__(receive, send)
        self._topic = topic
        self._epoch = ""
        self._rev: int | None = None
        self._repairing = False

    def line(self, text: str) -> bytes:
        before = b"" if self._begun else RECONNECT
        try:
            frame = _frames.decode(text)
        except msgspec.MsgspecError:  # a stock consumer's message
            frame = _Frame("message")
        place = b""
        if frame.topic == self._topic:
            if frame.type in ("changes", "reset"):
                self._epoch = _history.decode(frame.data).epoch or ""
                self._rev = frame.rev
                self._repairing = False
            elif frame.type == "error":  # of a repair, which the next event or heartbeat asks for
                self._repairing = False
                return b""
            elif frame.type != "welcome" and not self._is_next(frame):
                return b""
            if self._rev is not None and frame.type != "welcome":
                place = f"id: {self._epoch}:{self._rev}\n".encode()
        return before + place + b"data: " + text.replace("\n", "\ndata: ").encode() + b"\n\n"

    def _is_next(self, frame: _Frame) -> bool:
        """Whether an event comes next; where one before it is missing, ask for that."""
        if self._rev is None or frame.rev is None:
            return frame.type != "heartbeat"
        if frame.rev == self._rev + 1 and frame.type != "heartbeat":
            self._rev = frame.rev
            return True
        if frame.rev > self._rev and not self._repairing:
            self._repairing = True
            since = {"since": self._rev, "epoch": self._epoch}
            self.take(msgspec.json.encode({"id": REPAIR_ID, "type": "changes", "data": since}))
        return False


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
            own = b"%s://%s" % (scope["scheme"].encode(), headers.get(b"host", b""))
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
