"""Database work for sockets, off the event loop and off the thread that serves pages."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier
from typing import ParamSpec, TypeVar

from channels.db import database_sync_to_async
from django.db import connections

from realtime.conf import limits

P = ParamSpec("P")
R = TypeVar("R")


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(limits().database_threads, thread_name_prefix="realtime-database")


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `function`, plain synchronous code that uses the ORM, and return what it returns.

    Channels' and Django's own asynchronous ORM calls share one thread with each other, so one slow
    query holds up every socket; these calls have a small pool of threads to themselves.
    """
    call = database_sync_to_async(function, thread_sensitive=False, executor=_threads())
    result: R = await call(*args, **kwargs)
    return result


def close_connections() -> None:
    """Close the connections of all the engine's threads: a test database goes when nobody is in."""
    count = limits().database_threads
    everyone = Barrier(count)

    def close() -> None:
        everyone.wait()
        connections.close_all()

    for closing in [_threads().submit(close) for _ in range(count)]:
        closing.result()
