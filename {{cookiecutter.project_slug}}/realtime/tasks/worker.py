"""The worker: a thread that claims tasks and runs each in a thread of its own.

It runs in the web process by default (TASKS_IN_WEB), and by `manage.py runworker tasks` in one of
its own. Any number of them share the table.
"""

import atexit
import logging
import os
import signal
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from threading import Event, Thread, current_thread
from time import monotonic, time
from typing import Any

from channels.consumer import AsyncConsumer
from django.conf import settings
from django.db import close_old_connections, connections

from realtime.budgets import drop_full
from realtime.conf import limits
from realtime.tasks.backend import here, wake_here
from realtime.tasks.models import TaskRow
from realtime.tasks.running import claim, drop_finished, give_up, perform, renew

logger = logging.getLogger(__name__)

POLL_SECONDS = 10.0  # how often it looks for what nobody woke it for: retries, lost leases
STOP_SECONDS = 5.0  # with a drain, less than a supervisor waits
TIDY_SECONDS = 3_600.0
ALIVE_FILE = Path(gettempdir()) / "tasks-worker"
"""Touched whenever `manage.py runworker tasks` looks for tasks; see `operations.probe`."""


class Worker:
    """Runs tasks from `start` until `stop`.

    A thread that hangs cannot be ended: another takes its place. When as many hang as may work, the
    worker takes no more tasks, and ends the process if that has no other purpose.

    Args:
        alive: a file that is touched as long as it works, in a process that only runs tasks.
    """

    def __init__(self, alive: Path | None = None) -> None:
        self._alive = alive
        self._woken = Event()
        self._stopping = False
        self._running: dict[Thread, tuple[TaskRow, float]] = {}  # each since when
        self._hung: set[Thread] = set()
        self._more = False  # whether there may be more to claim when one of them ends
        self._thread = Thread(target=self._run, name="tasks", daemon=True)
        self._renew_at = 0.0
        self._tidy_at = 0.0

    def start(self) -> None:
        here.add(self._woken)
        self._woken.set()
        self._thread.start()

    def stop(self) -> None:
        """Claim nothing more, and let what runs finish within `STOP_SECONDS`.

        What is cut off then runs again when its lease is over.
        """
        self._stopping = True
        self._woken.set()
        here.discard(self._woken)
        deadline = monotonic() + STOP_SECONDS
        for thread in [self._thread, *self._running]:
            thread.join(max(0.0, deadline - monotonic()))

    def _run(self) -> None:
        third = limits().task_lease_seconds / 3
        while not self._stopping:
            self._woken.wait(min(POLL_SECONDS, third))
            self._woken.clear()
            if self._alive:
                self._alive.touch()
            try:
                close_old_connections()
                if time() >= self._renew_at:  # also after a sleep of the machine
                    self._renew()
                    self._renew_at = time() + third
                self._claim()
                self._tidy()
            except Exception as error:  # the database is away; the next poll tries again
                logger.warning("Tasks wait: %s %s", type(error).__name__, error)
        connections.close_all()

    def _claim(self) -> None:
        threads = limits().task_threads
        self._hung = {thread for thread in self._hung if thread.is_alive()}
        free = threads - len(self._running) if len(self._hung) < threads else 0
        rows = claim(free) if free > 0 and not self._stopping else []
        self._more = len(rows) >= free
        for row in rows:
            thread = Thread(target=self._perform, args=[row], name=f"task-{row.pk}", daemon=True)
            self._running[thread] = row, monotonic()
            thread.start()

    def _perform(self, row: TaskRow) -> None:
        try:
            perform(row)
        except Exception as error:
            logger.warning("How task %s went could not be saved, so it runs again: %s", row, error)
        finally:
            connections.close_all()
            self._running.pop(current_thread(), None)
            if self._more:
                self._woken.set()

    def _renew(self) -> None:
        for thread, (row, since) in list(self._running.items()):
            if monotonic() - since < limits().task_seconds:
                renew(row)
            elif self._running.pop(thread, None):  # it has not ended meanwhile
                self._hung.add(thread)
                self._more = True
                if len(self._hung) == limits().task_threads:
                    self._stop_for_hung()
                give_up(row, thread)

    def _stop_for_hung(self) -> None:
        logger.critical(
            "%s threads hang in tasks, so this process runs no more of them until it is restarted.",
            len(self._hung),
        )
        if self._alive:
            os.kill(os.getpid(), signal.SIGTERM)

    def _tidy(self) -> None:
        if monotonic() >= self._tidy_at:
            self._tidy_at = monotonic() + TIDY_SECONDS
            drop_finished()
            drop_full()


class TaskConsumer(AsyncConsumer):
    """Hears on the channel `tasks` that another process has enqueued something."""

    async def tasks_wake(self, message: dict[str, Any]) -> None:  # Any: what a layer carries
        wake_here()


def start_in_web(**kwargs: Any) -> None:  # Any: a signal sends what it likes
    """Run tasks in this process, which serves, from its first engine on."""
    if settings.TASKS_IN_WEB:
        _web_worker()


@cache
def _web_worker() -> Worker:
    worker = Worker()
    worker.start()
    atexit.register(worker.stop)
    return worker
