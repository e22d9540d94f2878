"""Clients of the storm: one that is content to be connected, and one that must miss nothing."""

import json
from typing import Protocol
from urllib.parse import urlencode

import msgspec

from bench.client import Socket


class Reader(Protocol):
    """What the storm asks of the client behind a socket that comes and goes."""

    errors: int

    def resume(self) -> str:
        """The query that the next connection begins with."""

    def hear(self, socket: Socket, payload: bytes) -> None: ...

    def caught_up(self) -> bool:
        """Whether all is here that was there when the client came back."""


class PlainReader:
    """A client of a server that keeps nothing: once connected, it has all that there is."""

    errors = 0

    def resume(self) -> str:
        return ""

    def hear(self, socket: Socket, payload: bytes) -> None:
        """What it hears is gone with the connection anyway."""

    def caught_up(self) -> bool:
        return True


class _Message(msgspec.Struct):
    rev: int = 0
    client_id: str = ""


class _Data(msgspec.Struct):
    epoch: str = ""
    messages: list[_Message] = []
    more: bool = False
    rev: int = 0
    client_id: str = ""


class _Frame(msgspec.Struct):
    type: str
    data: msgspec.Raw
    rev: int | None = None


_frames = msgspec.json.Decoder(_Frame)
_data = msgspec.json.Decoder(_Data)


class ResumingReader:
    """Follows a room by its revisions as a browser does: in order, and asking where one is missing.

    `seen` is kept apart from the cursor: it is what was really delivered, by `client_id`.
    """

    def __init__(self) -> None:
        self.cursor: int | None = None
        self.epoch = ""
        self.head = 0
        self.seen: dict[str, int] = {}
        self.doubled = 0
        self.errors = 0
        self._asked_since = -1

    def resume(self) -> str:
        self._asked_since = -1
        if self.cursor is None:
            return ""
        return "?" + urlencode({"since": self.cursor, "epoch": self.epoch})

    def caught_up(self) -> bool:
        return self.cursor is not None and self.cursor >= self.head

    def hear(self, socket: Socket, payload: bytes) -> None:
        frame = _frames.decode(payload)
        match frame.type:
            case "welcome":
                self.epoch = _data.decode(frame.data).epoch
                self.head = frame.rev or 0
                if self.cursor is None:
                    self.cursor = self.head
            case "message.created":
                message = _data.decode(frame.data)
                self._apply(socket, _Message(message.rev, message.client_id))
            case "changes":
                self._read_changes(socket, frame)
            case "heartbeat":
                self._head_is(socket, frame.rev or 0)
            case "error" | "reset":
                self.errors += 1

    def _apply(self, socket: Socket, message: _Message) -> None:
        cursor = self.cursor or 0
        if message.rev == cursor + 1:
            self._take(message)
            self.cursor = message.rev
        elif message.rev > cursor:
            self._head_is(socket, message.rev)

    def _read_changes(self, socket: Socket, frame: _Frame) -> None:
        page = _data.decode(frame.data)
        for message in page.messages:
            if message.rev > (self.cursor or 0):
                self._take(message)
                self.cursor = message.rev
        self.cursor = max(self.cursor or 0, frame.rev or 0)
        if not page.more:
            self._asked_since = -1
            self._head_is(socket, self.head)

    def _take(self, message: _Message) -> None:
        if self.seen.setdefault(message.client_id, message.rev) != message.rev:
            self.doubled += 1

    def _head_is(self, socket: Socket, head: int) -> None:
        self.head = max(self.head, head)
        if not self.caught_up() and self._asked_since != self.cursor:
            self._asked_since = self.cursor or 0
            ask = {"since": self.cursor, "epoch": self.epoch}
            socket.send(json.dumps({"id": "gap", "type": "changes", "data": ask}).encode())
