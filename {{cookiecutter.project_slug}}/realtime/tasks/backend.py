"""Enqueueing: the backend of Django's tasks API, which writes rows and wakes the workers."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from threading import Event
from typing import Any, ParamSpec, TypeVar

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from realtime.delivery.engine import running_engine
from realtime.delivery.hub import LAYER_SECONDS
from realtime.delivery.publishing import send_alone
from realtime.tasks.api import (
    BaseTaskBackend,
    Task,
    TaskResult,
    TaskResultDoesNotExist,
    task_enqueued,
)
from realtime.tasks.models import UNFINISHED, TaskRow

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

CHANNEL = "tasks"
QUEUE = "default"
MESSAGE = {"type": "tasks.wake"}

here: dict[Event, Collection[str]] = {}
"""What wakes the workers of this process, and the queues of each."""


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
        transaction.on_commit(partial(wake, row.queue_name))
        result = row.result(task)
        task_enqueued.send(type(self), task_result=result)
        return result

    def get_result(self, result_id: str) -> "TaskResult[..., Any]":
        row = TaskRow.objects.filter(pk=result_id).first() if result_id.isdecimal() else None
        if row is None:
            raise TaskResultDoesNotExist(result_id)
        return row.result(task_at(row.path))


def enqueue_many(task: "Task[..., Any]", calls: Iterable[tuple[object, ...]]) -> list[TaskRow]:
    """Enqueue a task once for each of these positional arguments, by one query."""
    rows = [_row(task, args, {}) for args in calls]
    if rows:
        TaskRow.objects.bulk_create(rows)
        transaction.on_commit(partial(wake, task.queue_name))
    return rows


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


def channel_of(queue: str) -> str:
    """The channel that wakes the workers of a queue: its name, or `CHANNEL` for the usual one."""
    return CHANNEL if queue == QUEUE else queue


def wake(queue: str) -> None:
    """Wake a queue's workers: this process's or, where it has none, those that hear its channel.

    A wake-up that is lost costs a poll.
    Waits for the layer only where no engine runs, and there for `LAYER_SECONDS` at most.
    """
    if any(queue in queues for queues in here.values()):
        wake_here()
    elif not isinstance(get_channel_layer(), InMemoryChannelLayer):  # which reaches nobody else
        try:
            _wake_elsewhere(channel_of(queue))
        except Exception as error:  # the rows stand, and are found by the next poll
            logger.warning("No worker was woken: %s %s", type(error).__name__, error)


def wake_here() -> None:
    for event in list(here):
        event.set()


def _row(task: "Task[..., Any]", args: Sequence[object], kwargs: dict[str, Any]) -> TaskRow:
    return TaskRow(
        path=task.module_path,
        args=list(args),
        kwargs=dict(kwargs),
        queue_name=task.queue_name,
        priority=task.priority,
        due_at=task.run_after or Now(),
    )


def _wake_elsewhere(channel: str) -> None:
    engine = running_engine()
    if engine is None:
        send_alone(lambda: get_channel_layer().send(channel, MESSAGE))
    elif engine.hub.answering.is_set():
        asyncio.run_coroutine_threadsafe(_send_wake(channel), engine.hub.loop)


async def _send_wake(channel: str) -> None:
    try:
        async with asyncio.timeout(LAYER_SECONDS):
            await get_channel_layer().send(channel, MESSAGE)
    except Exception as error:  # as above
        logger.warning("No worker was woken: %s %s", type(error).__name__, error)
