"""What a client has sent and the application has not received yet."""

import asyncio

from realtime.asgi import Message


class Messages:
    """Does what servers use of `asyncio.Queue`, whose deques take 2.5 KiB of every socket."""

    __slots__ = ("_arrived", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[Message] = []
        self._arrived: asyncio.Future[None] | None = None

    def put_nowait(self, message: Message) -> None:
        self._waiting.append(message)
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    def empty(self) -> bool:
        return not self._waiting

    async def get(self) -> Message:
        while not self._waiting:
            if self._arrived is not None and not self._arrived.done():  # somebody else waits, too
                await asyncio.wait([self._arrived])
            else:
                self._arrived = asyncio.get_running_loop().create_future()
                await self._arrived
        return self._waiting.pop(0)
