"""Database work for sockets, off the event loop and off the threads that serve pages."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache, partial
from threading import Barrier, local
from time import monotonic
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connections

from realtime.conf import limits

P = ParamSpec("P")
R = TypeVar("R")

UNUSED_SECONDS = 5.0  # after which a connection is tested before use
CLOSE_SECONDS = 60.0

DATABASE_AWAY = (OperationalError, InterfaceError)
TIMED_OUT = {"57014", "55P03"}
DEADLOCK = "40P01"
READ_ONLY = "25006"  # PostgreSQL's code: the server is a standby, or no longer the primary


def is_away(error: BaseException | None) -> bool:
    """Whether the database does not answer, is too busy, or takes no writes at the moment."""
    return isinstance(error, DATABASE_AWAY) or _code(error) == READ_ONLY


def is_timed_out(error: BaseException | None) -> bool:
    """Whether PostgreSQL ended a statement that took too long or waited too long for a lock."""
    return _code(error) in TIMED_OUT


def is_of_a_statement(error: BaseException | None) -> bool:
    """Whether PostgreSQL ended one statement, and answers others."""
    return is_timed_out(error) or _code(error) == DEADLOCK


def _code(error: BaseException | None) -> str | None:
    code: str | None = getattr(getattr(error, "__cause__", None), "sqlstate", None)
    return code


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `function`, synchronous code that uses the ORM, and return its result.

    Channels' and Django's own asynchronous ORM calls share a single thread, so one slow query
    delays every socket, and Channels closes the connection after each call. `in_database` has a
    pool of `DATABASE_THREADS` threads, each of which keeps its connection. The default executor,
    which `sync_to_async(thread_sensitive=False)` uses, would open up to 32 connections a process.
    """
    work = partial(_run, function, *args, **kwargs)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads(), copy_context().run, work)


def close_connections() -> None:
    """Close the connections of all these threads, so that a test database can be dropped.

    Raises:
        BrokenBarrierError: a thread is busy for more than `CLOSE_SECONDS`.
    """
    count = limits().database_threads
    every_thread = Barrier(count, timeout=CLOSE_SECONDS)

    def close() -> None:
        every_thread.wait()  # so that each thread runs one of the calls
        connections.close_all()

    for closing in [_threads().submit(close) for _ in range(count)]:
        closing.result()


class _Thread(local):
    used_at = 0.0


_thread = _Thread()


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(limits().database_threads, thread_name_prefix="realtime-database")


def _run(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    unused = monotonic() - _thread.used_at > UNUSED_SECONDS
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None and (connection.errors_occurred or unused):
            connection.errors_occurred = False
            if not connection.is_usable():
                connection.close()
    try:
        return function(*args, **kwargs)
    except (StopIteration, SystemExit) as error:  # a future takes neither
        raise RuntimeError(f"{type(error).__name__} was raised in a thread") from error
    finally:
        _thread.used_at = monotonic()
