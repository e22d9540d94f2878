"""The load's sockets: picows connections that hand each text frame to one function."""

import asyncio
import socket as sockets
import struct
import time
from collections.abc import Callable, Sequence

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.machine import source_address
from bench.wires import Seat, Wire

HANDSHAKES_AT_ONCE = 64
HANDSHAKE_SECONDS = 60
BUFFER_BYTES = 4_096
DATA_SEGS_IN = 152
"""Where Linux's `struct tcp_info` has `tcpi_data_segs_in`."""

Hear = Callable[["Socket", bytes], None]


class Socket(WSListener):
    """One connection. `hear` gets every text frame once the socket has joined."""

    def __init__(self, wire: Wire, seat: Seat, hear: Hear) -> None:
        self.seat = seat
        self.hear = hear
        self.open = False
        self.closed_with = 0
        self.heard = 0
        """How many text frames have come."""
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.wire = wire
        self._welcomes_due = wire.welcomes if wire.welcome else 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self.open = True
        for greeting in self.wire.greetings(self.seat):
            self.send(greeting)
        if not self._welcomes_due:
            self._join()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.TEXT:
            payload = frame.get_payload_as_bytes()
            self.heard += 1
            joining = self._welcomes_due
            if joining or len(payload) < 4:
                answer = self.wire.answer(self.seat, payload)
                if answer:
                    self.send(answer)
                if self.wire.welcome and self.wire.welcome in payload:
                    self._welcomes_due = max(0, joining - 1)
                if joining and not self._welcomes_due:
                    self._join()
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

    @property
    def segments(self) -> int:
        """How many writes of the server have come: on loopback each is one segment."""
        raw = self._transport.underlying_transport.get_extra_info("socket")
        info = raw.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_INFO, 256)
        count: int = struct.unpack_from("I", info, DATA_SEGS_IN)[0]
        return count

    def _join(self) -> None:
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


async def connect_all(
    wire: Wire, seats: Sequence[Seat], port: int, hear: Hear, at_once: int = HANDSHAKES_AT_ONCE
) -> list[Socket]:
    """Open a socket for every seat, a bounded number of handshakes at a time."""
    waiting = iter(seats)
    sockets: list[Socket] = []

    async def worker() -> None:
        for seat in waiting:
            sockets.append(await connect(wire, seat, port, hear))

    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, len(seats))):
            group.create_task(worker())
    return sockets


async def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for `condition`, at most so long; return whether it came."""
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        if condition():
            return True
        await asyncio.sleep(0.05)
    return False
