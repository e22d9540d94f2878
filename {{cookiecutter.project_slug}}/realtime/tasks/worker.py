"""The worker: a thread that claims tasks and runs each in a thread of its own.

It runs in the web process by default (TASKS_IN_WEB), and by `manage.py runworker tasks` in one of
its own, there for the queues whose channels it is given. Any number of them share the table.
"""

import atexit
import logging
import os
import signal
import sys
from collections import Counter
from collections.abc import Collection
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import gettempdir
from threading import Event, Thread, current_thread
from time import monotonic, time
from traceback import format_exception, format_stack
from typing import Any

from channels.consumer import AsyncConsumer
from django.conf import settings
from django.db import DataError, close_old_connections, connection, connections, transaction
from django.db.models import Count, Expression, F, Min, QuerySet
from django.db.models.functions import Coalesce, Now
from django.dispatch import Signal
from django.utils import timezone

from realtime import metrics
from realtime.budgets import drop_full
from realtime.conf import limits
from realtime.sessions import drop_expired_sessions
from realtime.tasks.api import (
    TaskContext,
    TaskResultStatus,
    task_finished,
    task_started,
)
from realtime.tasks.backend import QUEUE, here, task_at, wake, wake_here
from realtime.tasks.models import UNFINISHED, TaskRow

logger = logging.getLogger(__name__)

ATTEMPTS = 6
FIRST_RETRY = timedelta(seconds=30)  # then four times as long each time: 2 hours in all
LONGEST_RETRY = timedelta(hours=1)
KEPT = {
    TaskResultStatus.SUCCESSFUL: timedelta(days=1),
    TaskResultStatus.FAILED: timedelta(days=30),  # so that somebody can look at it
}

POLL_SECONDS = 10.0  # how often it looks for what nobody woke it for: retries, lost leases
STOP_SECONDS = 5.0  # with a drain, less than a supervisor waits
TIDY_SECONDS = 3_600.0
ALIVE_FILE = Path(gettempdir()) / "tasks-worker"
"""Touched whenever `manage.py runworker tasks` looks for tasks; see `operations.probe`."""

tidying = Signal()
"""Sent by each worker when it starts and every hour, to enqueue what has to be tidied."""


class RetryLater(Exception):
    """Raised by a task to be tried again later.

    Args:
        seconds: the least pause, as a Retry-After says it; `LONGEST_RETRY` at most.
    """

    def __init__(self, reason: str, seconds: float = 0) -> None:
        super().__init__(reason)
        self.pause = timedelta(seconds=seconds)


class NotYet(Exception):
    """Raised by a task that has to wait for its turn: to run later, and count as no attempt."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"It waits for {seconds:g} seconds.")
        self.pause = timedelta(seconds=seconds)


class WorkerLost(Exception):
    """Every attempt ended with its worker: killed, or out of memory."""


class TooLong(Exception):
    """The attempt ran for more than `TASK_SECONDS`."""


class Worker:
    """Runs tasks from `start` until `stop`.

    The calls of one task take half of its threads at most, so that the others go on: not of a
    worker that runs queues of their own alone.

    A thread that hangs cannot be ended: another takes its place. When as many hang as may work, the
    worker takes no more tasks, and ends the process if that has no other purpose.

    Args:
        queues: the names of those that it runs; all by default.
        alive: a file that is touched as long as it works, in a process that only runs tasks.
    """

    def __init__(self, queues: Collection[str] | None = None, *, alive: Path | None = None) -> None:
        self._queues = known_queues() if queues is None else queues
        self._alive = alive
        self._woken = Event()
        self._stopping = False
        self._running: dict[Thread, tuple[TaskRow, float]] = {}  # each since when
        self._hung: set[Thread] = set()
        self._more = False  # whether there may be more to claim when one of them ends
        self._thread = Thread(target=self._run, name="tasks", daemon=True)
        self._renewed_at = 0.0
        self._tidy_at = 0.0

    def start(self) -> None:
        here[self._woken] = self._queues
        self._woken.set()
        self._thread.start()

    def stop(self) -> None:
        """Claim nothing more, and let what runs finish within `STOP_SECONDS`.

        What is cut off then runs again when its lease is over.
        """
        self._stopping = True
        self._woken.set()
        here.pop(self._woken, None)
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
                # Also after a sleep of the machine, and where its clock was put back.
                if not 0 <= time() - self._renewed_at < third:
                    self._renew()
                    self._renewed_at = time()
                self._claim()
                self._tidy()
            except Exception as error:  # the database is away; the next poll tries again
                logger.warning("Tasks wait: %s %s", type(error).__name__, error)
        connections.close_all()

    def _claim(self) -> None:
        threads = limits().task_threads
        self._hung = {thread for thread in self._hung if thread.is_alive()}
        free = threads - len(self._running) if len(self._hung) < threads else 0
        self._more = True
        while free > 0 and not self._stopping:
            held_back = self._with_enough(threads)
            rows = claim(1, self._queues, but=held_back)
            if not rows:
                self._more = bool(held_back)
                break
            self._start(rows[0])
            free -= 1

    def _with_enough(self, threads: int) -> list[str]:
        """The paths of the tasks that have as many threads as they may."""
        if QUEUE not in self._queues:
            return []
        running = Counter(row.path for row, _ in list(self._running.values()))
        return [path for path, count in running.items() if count >= (threads + 1) // 2]

    def _start(self, row: TaskRow) -> None:
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
            drop_expired_sessions()
            tidying.send(type(self))


class TaskConsumer(AsyncConsumer):
    """Hears on the channel of a queue that another process has enqueued something."""

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


# One task


def known_queues() -> Collection[str]:
    """The names of all queues."""
    queues: Collection[str] = settings.TASKS["default"]["QUEUES"]
    return queues


def claim(
    count: int, queues: Collection[str] | None = None, *, but: Collection[str] = ()
) -> list[TaskRow]:
    """Take up to `count` due tasks, by priority and age, which nobody else takes for a lease.

    Args:
        queues: the names of those to look in; all by default.
        but: the module paths of tasks of which none is taken.
    """
    due = TaskRow.objects.filter(UNFINISHED, due_at__lte=Now())
    if queues is not None:
        due = due.filter(queue_name__in=queues)
    if but:
        due = due.exclude(path__in=but)
    due = due.order_by("-priority", "due_at", "pk")
    if not due.exists():  # asked first: on SQLite any transaction takes the one write lock
        return []
    with transaction.atomic():
        found = due.select_for_update(skip_locked=True)[:count]
        ids = list(found.values_list("pk", flat=True))
        claimed = TaskRow.objects.filter(pk__in=ids)
        claimed.update(
            status=TaskResultStatus.RUNNING,
            due_at=_lease_end(),
            attempts=F("attempts") + 1,
            started_at=Coalesce("started_at", Now()),
            last_attempted_at=Now(),
        )
        return sorted(claimed, key=lambda row: ids.index(row.pk))


def renew(row: TaskRow) -> None:
    """Extend the lease of a task that runs here."""
    _held(row).update(due_at=_lease_end())


def perform(row: TaskRow) -> None:
    """Run a claimed task, and write down how it went."""
    try:
        if row.attempts > ATTEMPTS:
            raise WorkerLost(f"Its worker died during each of {ATTEMPTS} attempts.")
        task = task_at(row.path)
        result = row.result(task)
        task_started.send(type(task.get_backend()), task_result=result)
        context = [TaskContext(task_result=result)] if task.takes_context else []
        value = task.call(*context, *result.args, **result.kwargs)
    except NotYet as error:
        due_at, attempts = Now() + error.pause, F("attempts") - 1
        _held(row).update(status=TaskResultStatus.READY, due_at=due_at, attempts=attempts)
    except BaseException as error:
        if not connection.in_atomic_block:
            close_old_connections()  # it may be what failed
        _fail(row, error)
        if not isinstance(error, Exception | SystemExit):  # such as the Ctrl-C of who runs it
            raise
    else:
        _succeed(row, value)


def give_up(row: TaskRow, thread: Thread) -> None:
    """Let the attempt that runs in `thread`, which cannot be ended, count as failed."""
    error = TooLong(f"It ran for more than {limits().task_seconds:g} seconds (TASK_SECONDS).")
    frame = sys._current_frames().get(thread.ident or 0)
    _fail(row, error, "".join(format_stack(frame)))


def run_due() -> int:
    """Run all due tasks now and here, for tests and commands; returns how many. Renews no lease."""
    done = 0
    while rows := claim(1):
        perform(rows[0])
        done += 1
    return done


def retry(rows: QuerySet[TaskRow]) -> int:
    """Have failed tasks run again, with as many attempts as at first; returns how many."""
    failed = rows.filter(status=TaskResultStatus.FAILED)
    fresh = {"status": TaskResultStatus.READY, "attempts": 0, "finished_at": None}
    count = failed.update(due_at=Now(), **fresh)
    for queue in known_queues():
        transaction.on_commit(partial(wake, queue))
    return count


def measure() -> None:
    """Set the gauges of tasks."""
    waiting = TaskRow.objects.filter(status=TaskResultStatus.READY)
    running = TaskRow.objects.filter(status=TaskResultStatus.RUNNING)
    failed = TaskRow.objects.filter(status=TaskResultStatus.FAILED)
    found = waiting.aggregate(count=Count("pk"), oldest=Min("due_at"))
    late = timezone.now() - (found["oldest"] or timezone.now())
    metrics.tasks.labels("waiting").set(found["count"])
    metrics.tasks.labels("running").set(running.count())
    metrics.tasks.labels("failed").set(failed.count())
    metrics.tasks_late_seconds.set(max(0.0, late.total_seconds()))


def drop_finished() -> None:
    """Drop what ended some time ago."""
    for status, kept in KEPT.items():
        TaskRow.objects.filter(status=status, finished_at__lt=timezone.now() - kept).delete()


def _lease_end() -> Expression:
    """By the database's clock, since the clocks of two machines may differ."""
    return Now() + timedelta(seconds=limits().task_lease_seconds)


def _succeed(row: TaskRow, value: Any) -> None:  # Any: what a task returns
    """The task is done, and is not done again where its value cannot be kept."""
    succeeded = {"exception": "", "traceback": ""}
    try:
        with transaction.atomic():
            _end(row, TaskResultStatus.SUCCESSFUL, return_value=value, **succeeded)
    except (TypeError, ValueError, DataError) as error:
        logger.error("Task %s (%s) returned what is no JSON: %s", row.pk, row.path, error)
        _end(row, TaskResultStatus.SUCCESSFUL, return_value=None, **succeeded)


def pause_after(error: BaseException, failures: int) -> timedelta:
    """How long to wait after a failure, which so many came before."""
    pause = FIRST_RETRY * int(4 ** min(failures, ATTEMPTS))
    if isinstance(error, RetryLater):
        pause = max(pause, error.pause)
    return min(pause, LONGEST_RETRY)


def _fail(row: TaskRow, error: BaseException, where: str = "") -> None:
    what = type(error)
    details = {
        "exception": f"{what.__module__}.{what.__qualname__}",
        "traceback": _storable(where + "".join(format_exception(error))),
    }
    if row.attempts >= ATTEMPTS:
        logger.error("Task %s (%s) failed for good.", row.pk, row.path, exc_info=error)
        _end(row, TaskResultStatus.FAILED, **details)
        return
    pause = pause_after(error, row.attempts - 1)
    logger.warning(
        "Task %s (%s) failed, attempt %s of %s; the next is in %.0f seconds: %s: %s",
        *(row.pk, row.path, row.attempts, ATTEMPTS, pause.total_seconds(), what.__name__, error),
    )
    _held(row).update(status=TaskResultStatus.READY, due_at=Now() + pause, **details)


def _end(row: TaskRow, status: TaskResultStatus, **values: Any) -> None:
    """Write the end of a task, unless its lease was lost and somebody else runs it."""
    if not _held(row).update(status=status, finished_at=timezone.now(), **values):
        logger.warning("Task %s (%s) ran longer than its lease held.", row.pk, row.path)
        return
    try:
        task = task_at(row.path)
    except LookupError:
        return
    row.refresh_from_db()
    task_finished.send_robust(type(task.get_backend()), task_result=row.result(task))


def _storable(text: str) -> str:
    """`text` without what PostgreSQL does not take."""
    return text.encode(errors="replace").decode().replace("\x00", "")


def _held(row: TaskRow) -> QuerySet[TaskRow]:
    """The row as long as this attempt is its latest."""
    return TaskRow.objects.filter(pk=row.pk, attempts=row.attempts, status=TaskResultStatus.RUNNING)
