"""A stand-in for a server's transport, and waiting for what comes."""

import asyncio
from collections.abc import Callable


class Wire:
    """A transport that hands nothing on while `waiting` is set."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.waiting = 0
        self.closing = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition that tasks of this event loop bring about."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)
