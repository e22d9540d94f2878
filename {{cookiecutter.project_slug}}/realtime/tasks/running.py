"""Claiming tasks, running them, and writing down how they went."""

import logging
import sys
from datetime import datetime, timedelta
from threading import Thread
from traceback import format_exception, format_stack
from typing import Any

from django.db import DataError, close_old_connections, connection, transaction
from django.db.models import Count, F, Min, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from realtime import metrics
from realtime.conf import limits
from realtime.tasks.api import (
    Task,
    TaskContext,
    TaskResult,
    TaskResultStatus,
    task_finished,
    task_started,
)
from realtime.tasks.backend import task_at, wake
from realtime.tasks.models import UNFINISHED, TaskRow

logger = logging.getLogger(__name__)

ATTEMPTS = 6
FIRST_RETRY = timedelta(seconds=30)  # then four times as long each time: 2 hours in all
LONGEST_RETRY = timedelta(hours=1)
KEPT = timedelta(days=1)  # what succeeded
KEPT_FAILED = timedelta(days=30)  # what failed, so that somebody can look at it


class RetryLater(Exception):
    """Raised by a task to be tried again later.

    Args:
        seconds: the least pause, as a Retry-After says it; `LONGEST_RETRY` at most.
    """

    def __init__(self, reason: str, seconds: float = 0) -> None:
        super().__init__(reason)
        self.pause = timedelta(seconds=seconds)


class WorkerLost(Exception):
    """Every attempt ended with its worker: killed, or out of memory."""


class TooLong(Exception):
    """The attempt ran for more than `TASK_SECONDS`."""


def claim(count: int) -> list[TaskRow]:
    """Take up to `count` due tasks, by priority and age, which nobody else takes for a lease."""
    now = timezone.now()
    due = TaskRow.objects.filter(UNFINISHED, due_at__lte=now)
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
            last_attempted_at=now,
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
        value = _call(task, result)
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
    count = failed.update(due_at=timezone.now(), **fresh)
    transaction.on_commit(wake)
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
    for status, kept in (
        (TaskResultStatus.SUCCESSFUL, KEPT),
        (TaskResultStatus.FAILED, KEPT_FAILED),
    ):
        TaskRow.objects.filter(status=status, finished_at__lt=timezone.now() - kept).delete()


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=limits().task_lease_seconds)


# Any: what a task takes and returns
def _call(task: "Task[..., Any]", result: "TaskResult[..., Any]") -> Any:
    context = [TaskContext(task_result=result)] if task.takes_context else []
    return task.call(*context, *result.args, **result.kwargs)


def _succeed(row: TaskRow, value: Any) -> None:
    """The task is done, and is not done again where its value cannot be kept."""
    succeeded = {"exception": "", "traceback": ""}
    try:
        with transaction.atomic():
            _end(row, TaskResultStatus.SUCCESSFUL, return_value=value, **succeeded)
    except (TypeError, ValueError, DataError) as error:
        logger.error("Task %s (%s) returned what is no JSON: %s", row.pk, row.path, error)
        _end(row, TaskResultStatus.SUCCESSFUL, return_value=None, **succeeded)


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
    pause = FIRST_RETRY * 4 ** (row.attempts - 1)
    if isinstance(error, RetryLater):
        pause = max(pause, error.pause)
    pause = min(pause, LONGEST_RETRY)
    logger.warning(
        "Task %s (%s) failed, attempt %s of %s; the next is in %.0f seconds: %s: %s",
        *(row.pk, row.path, row.attempts, ATTEMPTS, pause.total_seconds(), what.__name__, error),
    )
    _held(row).update(status=TaskResultStatus.READY, due_at=timezone.now() + pause, **details)


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
