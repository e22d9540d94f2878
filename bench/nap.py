"""Lets the load read less often, so that it can hear more than it could one frame at a time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def napping(seconds: float) -> AsyncIterator[None]:
    """Hold this process still between two rounds of reading, for `seconds`.

    Meanwhile frames gather in the kernel, and one read takes several: reading each by itself costs
    the load as much as the fastest servers spend on writing it.
    """

    async def nap() -> None:
        while True:
            time.sleep(seconds)  # noqa: ASYNC251 (holding the loop is the point)
            await asyncio.sleep(0)

    task = asyncio.create_task(nap())
    try:
        yield
    finally:
        task.cancel()
