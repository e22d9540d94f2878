"""Database work for sockets, off the event loop and off the thread that serves pages."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import ParamSpec, TypeVar

from channels.db import database_sync_to_async

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
