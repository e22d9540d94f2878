"""What a server of `realtime.servers` lends the engine, beyond ASGI."""

from collections.abc import Callable
from typing import Protocol


class Transport(Protocol):
    """The part of `asyncio.Transport` that sockets write to."""

    def write(self, data: bytes, /) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def is_closing(self) -> bool: ...
    def abort(self) -> None: ...


class Lent:
    """What is lent for one WebSocket: `scope["realtime.lent"]`.

    The server calls `on_control_frame`, which the engine sets, for each ping, pong and fragment:
    ASGI does not tell of them, and parsing them costs as much as parsing a message.
    """

    __slots__ = ("on_control_frame", "transport")

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.on_control_frame: Callable[[], None] = ignore


def ignore() -> None:
    """The callback of what nobody has asked to be told of."""
