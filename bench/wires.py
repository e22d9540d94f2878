"""How each contestant is spoken to: addresses, frames, and how to tell one frame from another."""

import json
from dataclasses import dataclass
from typing import Protocol

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Seat:
    """One socket's place: which of the sockets it is, its room, and the cookie of its person."""

    index: int
    room: str
    cookie: str = ""
    epoch: str = ""
    """Of the room, as the page has it."""
    resume: str = ""
    """The query that asks for what was missed."""


class Wire(Protocol):
    welcome: bytes | None
    """In each frame that says that a topic is joined; None where being connected says it."""
    welcomes: int
    """How many such frames come to a socket."""
    event: bytes
    """In each frame that fans a message out."""
    ack: bytes
    """In the frame that confirms a message to its sender: where none does, in its own copy."""
    pause_seconds: float
    """How often at most one socket's whispers are passed on."""
    whisper_event: bytes
    """In each frame that fans a whisper out."""

    def address(self, seat: Seat, port: int) -> str: ...
    def headers(self, seat: Seat, port: int) -> Headers: ...

    def greetings(self, seat: Seat) -> list[bytes]:
        """What is sent as soon as the connection is up."""

    def whisper(self, text: str) -> bytes:
        """A frame for the room that touches no database."""

    def message(self, text: str) -> bytes:
        """A frame for the room, kept where messages are kept; `text` is unique and short."""

    def answer(self, seat: Seat, payload: bytes) -> bytes | None:
        """What a client sends upon `payload`, which is a welcome or asks for a sign of life."""


class TutorialWire:
    """JSON as in the Channels tutorial; the hub and bare ws use it too."""

    welcomes = 1
    event = whisper_event = ack = b'"message"'
    pause_seconds = 0.0

    def __init__(self, prefix: str = "/ws/chat", welcome: bytes | None = None) -> None:
        self._prefix = prefix
        self.welcome = welcome

    def address(self, seat: Seat, port: int) -> str:
        return f"ws://127.0.0.1:{port}{self._prefix}/{seat.room}/"

    def headers(self, seat: Seat, port: int) -> Headers:
        return [("Cookie", f"sessionid={seat.cookie}")] if seat.cookie else []

    def greetings(self, seat: Seat) -> list[bytes]:
        return []

    def whisper(self, text: str) -> bytes:
        return json.dumps({"message": text}).encode()

    message = whisper

    def answer(self, seat: Seat, payload: bytes) -> bytes | None:
        return None


class SocketIOWire:
    """Engine.IO 4 packets of Socket.IO 5 over its WebSocket transport."""

    welcomes = 1
    event = whisper_event = ack = b'42["message"'
    pause_seconds = 0.0

    def __init__(self, query: str = "", welcome: bytes = b"40{") -> None:
        self._query = query
        self.welcome: bytes | None = welcome

    def address(self, seat: Seat, port: int) -> str:
        query = f"room={seat.room}&person={seat.index + 1}{self._query}"
        return f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket&{query}"

    def headers(self, seat: Seat, port: int) -> Headers:
        return []

    def greetings(self, seat: Seat) -> list[bytes]:
        return [b"40"]

    def whisper(self, text: str) -> bytes:
        return b"42" + json.dumps(["message", text]).encode()

    message = whisper

    def answer(self, seat: Seat, payload: bytes) -> bytes | None:
        return b"3" if payload == b"2" else None


class OurWire:
    """`realtime.v1` at the chat's own address, signed in with a session cookie."""

    welcome: bytes | None = b'"type":"welcome"'
    welcomes = 1
    event = b'"type":"message.created"'
    ack = b'"type":"ok"'
    whisper_event = b'"type":"typing"'
    pause_seconds = 1.01

    def address(self, seat: Seat, port: int) -> str:
        return f"ws://127.0.0.1:{port}/ws/chat/{seat.room}/{seat.resume}"

    def headers(self, seat: Seat, port: int) -> Headers:
        return [
            ("Cookie", f"bench_project_sessionid={seat.cookie}"),
            ("Origin", f"http://127.0.0.1:{port}"),
            ("Sec-WebSocket-Protocol", "realtime.v1"),
        ]

    def greetings(self, seat: Seat) -> list[bytes]:
        return []

    def whisper(self, text: str) -> bytes:
        return json.dumps({"type": "typing", "data": {}}).encode()

    def message(self, text: str) -> bytes:
        data = {"client_id": text, "body": text}
        return json.dumps({"id": text, "type": "message.send", "data": data}).encode()

    def answer(self, seat: Seat, payload: bytes) -> bytes | None:
        return None


class OurPageWire(OurWire):
    """The one socket of a room's page, and what the page's modules send as it opens."""

    welcomes = 4

    def address(self, seat: Seat, port: int) -> str:
        return f"ws://127.0.0.1:{port}/ws/"

    def greetings(self, seat: Seat) -> list[bytes]:
        room = f"chat:{seat.room}"
        topics: dict[str, dict[str, object]] = {
            "notifications": {},
            "presence": {"state": "online", "viewing": room},
            "chat": {},
            room: {"since": 0, "epoch": seat.epoch},
        }
        return [self._frame(topic, "join", data) for topic, data in topics.items()]

    def answer(self, seat: Seat, payload: bytes) -> bytes | None:
        """What the page shows needs no notification any more."""
        if b'"topic":"notifications"' not in payload or b'"type":"welcome"' not in payload:
            return None
        return self._frame("notifications", "read", {"target": f"chat:{seat.room}"})

    def _frame(self, topic: str, type_: str, data: dict[str, object]) -> bytes:
        frame = {"id": f"{type_}-{topic}", "topic": topic, "type": type_, "data": data}
        return json.dumps(frame).encode()
