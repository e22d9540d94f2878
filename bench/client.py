"""The load's sockets: picows connections that hand each text frame to one function."""

import asyncio
from collections.abc import Callable, Sequence

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.machine import source_address
from bench.wires import Seat, Wire

HANDSHAKES_AT_ONCE = 64
HANDSHAKE_SECONDS = 60
BUFFER_BYTES = 4_096

Hear = Callable[["Socket", bytes], None]


class Socket(WSListener):
    """One connection. `hear` gets every text frame once the socket has joined."""

    def __init__(self, wire: Wire, seat: Seat, hear: Hear) -> None:
        self.seat = seat
        self.hear = hear
        self.open = False
        self.closed_with = 0
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.wire = wire
        self._welcome = wire.welcome

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self.open = True
        if self.wire.greeting:
            self.send(self.wire.greeting)
        if self._welcome is None:
            self._join()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.TEXT:
            payload = frame.get_payload_as_bytes()
            if self._welcome and self._welcome in payload:
                self._join()
            if len(payload) < 4 and (answer := self.wire.answer(payload)):
                self.send(answer)
            else:
                self.hear(self, payload)
        elif frame.msg_type is WSMsgType.CLOSE:
            self.closed_with = frame.get_close_code().value
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.open = False
        if not self.joined.done():
            self.joined.set_exception(ConnectionError(f"closed with {self.closed_with}"))

    def send(self, payload: bytes) -> None:
        self._transport.send(WSMsgType.TEXT, payload)

    def close(self) -> None:
        if self.open:
            self._transport.disconnect(graceful=False)

    def _join(self) -> None:
        self._welcome = None
        if not self.joined.done():
            self.joined.set_result(None)


async def connect(wire: Wire, seat: Seat, port: int, hear: Hear) -> Socket:
    """Open one socket and wait until it has joined.

    Raises:
        Exception: whatever ended the attempt; a caller counts or reports it.
    """
    socket = Socket(wire, seat, hear)
    async with asyncio.timeout(HANDSHAKE_SECONDS):
        await ws_connect(
            lambda: socket,
            wire.address(seat, port),
            extra_headers=wire.headers(seat, port),
            websocket_handshake_timeout=None,
            read_buffer_init_size=BUFFER_BYTES,
            local_addr=source_address(seat.index),
        )
        await socket.joined
    return socket


async def connect_all(wire: Wire, seats: Sequence[Seat], port: int, hear: Hear) -> list[Socket]:
    """Open a socket for every seat, a bounded number of handshakes at a time."""
    waiting = iter(seats)
    sockets: list[Socket] = []

    async def worker() -> None:
        for seat in waiting:
            sockets.append(await connect(wire, seat, port, hear))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(HANDSHAKES_AT_ONCE, len(seats))):
            group.create_task(worker())
    return sockets


async def close_all(sockets: Sequence[Socket]) -> None:
    """Close every socket, in steps, so that the server is not buried under farewells."""
    for start in range(0, len(sockets), 500):
        for socket in sockets[start : start + 500]:
            socket.close()
        await asyncio.sleep(0.05)
