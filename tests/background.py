"""What goes on beside a test."""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Self


class Background:
    """Works as long as it is entered; what failed in its work is raised when it is left."""

    def __init__(self, *work: Callable[[], Coroutine[None, None, None]]) -> None:
        self._work = work
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(each()) for each in self._work]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        if error is None:
            for result in results:
                if isinstance(result, Exception):
                    raise result

    @property
    def failed(self) -> bool:
        """Whether some of the work has come to an end before its time."""
        return any(task.done() for task in self._tasks)
