"""The backend of Django's tasks API that writes rows."""

from collections.abc import Iterable, Sequence
from typing import Any, ParamSpec, TypeVar

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

from realtime.tasks.api import (
    BaseTaskBackend,
    Task,
    TaskResult,
    TaskResultDoesNotExist,
    task_enqueued,
)
from realtime.tasks.models import UNFINISHED, TaskRow
from realtime.tasks.waking import wake

P = ParamSpec("P")
R = TypeVar("R")


class UnknownTask(LookupError):
    """A row names a task that this code does not have."""


class DatabaseBackend(BaseTaskBackend):
    """Writes tasks in the caller's transaction, and wakes a worker when it is committed."""

    supports_async_task = True
    supports_defer = True
    supports_get_result = True
    supports_priority = True

    def enqueue(  # Any: what a task takes
        self, task: "Task[P, R]", args: Sequence[Any], kwargs: dict[str, Any]
    ) -> "TaskResult[P, R]":
        self.validate_task(task)
        row = _row(task, args, kwargs)
        row.save()
        transaction.on_commit(wake)
        result = row.result(task)
        task_enqueued.send(type(self), task_result=result)
        return result

    def get_result(self, result_id: str) -> "TaskResult[..., Any]":
        row = TaskRow.objects.filter(pk=result_id).first() if result_id.isdecimal() else None
        if row is None:
            raise TaskResultDoesNotExist(result_id)
        return row.result(task_at(row.path))


def enqueue_many(task: "Task[..., Any]", calls: Iterable[tuple[object, ...]]) -> None:
    """Enqueue a task once for each of these positional arguments, by one query."""
    rows = [_row(task, args, {}) for args in calls]
    if rows:
        TaskRow.objects.bulk_create(rows)
        transaction.on_commit(wake)


def unfinished(task: "Task[..., Any]") -> QuerySet[TaskRow]:
    """The calls of a task that wait or run."""
    return TaskRow.objects.filter(UNFINISHED, path=task.module_path)


def task_at(path: str) -> "Task[..., Any]":
    """The task of that import path.

    Raises:
        UnknownTask: there is none; perhaps newer code has it, or older code had it.
    """
    try:
        task = import_string(path)
    except ImportError as error:
        raise UnknownTask(f"{path} cannot be imported: {error}") from error
    if not isinstance(task, Task):
        raise UnknownTask(f"{path} is not a task: decorate it with @task.")
    return task


def _row(task: "Task[..., Any]", args: Sequence[object], kwargs: dict[str, Any]) -> TaskRow:
    return TaskRow(
        path=task.module_path,
        args=list(args),
        kwargs=dict(kwargs),
        queue_name=task.queue_name,
        priority=task.priority,
        due_at=task.run_after or timezone.now(),
    )
