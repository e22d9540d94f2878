"""The people who write while a storm passes: each repeats a message until it is acknowledged."""

import asyncio
from collections import defaultdict

from bench.client import Socket
from bench.fanout import TEXT

SCRIBES = 10
PAUSE_SECONDS = 0.2


class Scribes:
    """One writer in each of the first rooms, with one message under way, across reconnects."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, list[str]] = defaultdict(list)
        self._sockets: dict[str, Socket] = {}
        self._pending: dict[str, str] = {}
        self._running = True

    def owns(self, socket: Socket) -> bool:
        """Seat number i sits in room number i, as long as there are so many rooms."""
        return socket.seat.index < SCRIBES

    def connected(self, socket: Socket) -> None:
        """Start on a new socket, or go on with the message that an old one left unacknowledged."""
        room = socket.seat.room
        self._sockets[room] = socket
        if room in self._pending:
            socket.send(socket.wire.message(self._pending[room]))
        else:
            self._write(room)

    def hear(self, socket: Socket, payload: bytes) -> None:
        room = socket.seat.room
        text = self._pending.get(room)
        if text and socket.wire.ack in payload and text.encode() in payload:
            del self._pending[room]
            self.acknowledged[room].append(text)
            asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._write, room)

    def stop(self) -> None:
        self._running = False

    @property
    def idle(self) -> bool:
        return not self._pending

    def _write(self, room: str) -> None:
        if self._running and room not in self._pending and self._sockets[room].open:
            text = f"{room}.{len(self.acknowledged[room])}: {TEXT}"
            self._pending[room] = text
            self._sockets[room].send(self._sockets[room].wire.message(text))
