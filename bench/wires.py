"""How each contestant is spoken to: addresses, frames, and how to tell one frame from another."""

import json
from dataclasses import dataclass
from typing import Protocol

from msgspec import UNSET, Struct, UnsetType
from msgspec import json as fast_json

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Seat:
    """One socket's place: which of the sockets it is, its room, and the cookie of its person."""

    index: int
    room: str
    cookie: str = ""
    resume: str = ""
    """The query that asks for what was missed."""


class Wire(Protocol):
    greeting: bytes | None
    """Sent as soon as the connection is up."""
    welcome: bytes | None
    """In the frame that says that a socket has joined; None where being connected says it."""
    event: bytes
    """In each frame that fans a message out."""
    pause_seconds: float
    """How often at most one socket's whispers are passed on."""
    whisper_event: bytes
    """In each frame that fans a whisper out."""

    def address(self, seat: Seat, port: int) -> str: ...
    def headers(self, seat: Seat, port: int) -> Headers: ...

    def whisper(self, text: str) -> bytes:
        """A frame for the room that touches no database."""

    def message(self, text: str) -> bytes:
        """A frame for the room, kept where messages are kept; `text` is unique and short."""

    def acknowledged(self, payload: bytes) -> str | None:
        """The text of the message that `payload` confirms to its sender, if it confirms one."""

    def answer(self, payload: bytes) -> bytes | None:
        """What keeps the connection alive, when `payload` asks for a sign of life."""


class TutorialWire:
    """JSON as in the Channels tutorial; the hub and bare ws use it too."""

    greeting: bytes | None = None
    welcome: bytes | None = None
    event = whisper_event = b'"message"'
    pause_seconds = 0.0

    def __init__(self, prefix: str = "/ws/chat") -> None:
        self._prefix = prefix

    def address(self, seat: Seat, port: int) -> str:
        return f"ws://127.0.0.1:{port}{self._prefix}/{seat.room}/"

    def headers(self, seat: Seat, port: int) -> Headers:
        return [("Cookie", f"sessionid={seat.cookie}")] if seat.cookie else []

    def whisper(self, text: str) -> bytes:
        return json.dumps({"message": text}).encode()

    message = whisper

    def acknowledged(self, payload: bytes) -> str | None:
        found: str = json.loads(payload)["message"]
        return found

    def answer(self, payload: bytes) -> bytes | None:
        return None


class SocketIOWire:
    """Engine.IO 4 packets of Socket.IO 5 over its WebSocket transport."""

    greeting: bytes | None = b"40"
    welcome: bytes | None = b"40{"
    event = whisper_event = b'42["message"'
    pause_seconds = 0.0

    def address(self, seat: Seat, port: int) -> str:
        return f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket&room={seat.room}"

    def headers(self, seat: Seat, port: int) -> Headers:
        return []

    def whisper(self, text: str) -> bytes:
        return b"42" + json.dumps(["message", text]).encode()

    message = whisper

    def acknowledged(self, payload: bytes) -> str | None:
        return str(json.loads(payload[2:])[1]) if payload.startswith(self.event) else None

    def answer(self, payload: bytes) -> bytes | None:
        return b"3" if payload == b"2" else None


class _Reply(Struct):
    type: str
    id: str | UnsetType | None = UNSET


class OurWire:
    """`realtime.v1` at the chat's own address, signed in with a session cookie."""

    greeting: bytes | None = None
    welcome: bytes | None = b'"type":"welcome"'
    event = b'"type":"message.created"'
    whisper_event = b'"type":"typing"'
    pause_seconds = 1.01
    _replies = fast_json.Decoder(_Reply)

    def address(self, seat: Seat, port: int) -> str:
        return f"ws://127.0.0.1:{port}/ws/chat/{seat.room}/{seat.resume}"

    def headers(self, seat: Seat, port: int) -> Headers:
        return [
            ("Cookie", f"bench_project_sessionid={seat.cookie}"),
            ("Origin", f"http://127.0.0.1:{port}"),
            ("Sec-WebSocket-Protocol", "realtime.v1"),
        ]

    def whisper(self, text: str) -> bytes:
        return json.dumps({"type": "typing", "data": {}}).encode()

    def message(self, text: str) -> bytes:
        data = {"client_id": text, "body": text}
        return json.dumps({"id": text, "type": "message.send", "data": data}).encode()

    def acknowledged(self, payload: bytes) -> str | None:
        if b'"type":"ok"' not in payload:
            return None
        reply = self._replies.decode(payload)
        return reply.id if reply.type == "ok" and isinstance(reply.id, str) else None

    def answer(self, payload: bytes) -> bytes | None:
        return None
