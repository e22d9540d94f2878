"""The table of tasks."""

from typing import ParamSpec, TypeVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from realtime.tasks.api import Task, TaskError, TaskResult, TaskResultStatus

P = ParamSpec("P")
R = TypeVar("R")

UNFINISHED = Q(status__in=[TaskResultStatus.READY.value, TaskResultStatus.RUNNING.value])


class TaskRow(models.Model):
    """One call of a task: what to run, when, and how it went."""

    path = models.CharField(_("task"), max_length=255)  # of the function, to import
    args = models.JSONField(_("arguments"), default=list)
    kwargs = models.JSONField(_("keyword arguments"), default=dict)
    queue_name = models.CharField(_("queue"), max_length=100)
    priority = models.SmallIntegerField(_("priority"), default=0)
    status = models.CharField(
        _("status"), max_length=10, choices=TaskResultStatus.choices, default=TaskResultStatus.READY
    )
    due_at = models.DateTimeField(_("due at"), default=timezone.now)
    """From when on a worker may claim it: while it runs, the end of the lease."""
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    return_value = models.JSONField(_("return value"), null=True)
    exception = models.TextField(_("exception"), blank=True)
    """The class of what the latest attempt raised, and below the whole of it."""
    traceback = models.TextField(_("traceback"), blank=True)
    enqueued_at = models.DateTimeField(_("enqueued at"), default=timezone.now)
    started_at = models.DateTimeField(_("started at"), null=True)
    last_attempted_at = models.DateTimeField(_("last attempted at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        indexes = [
            models.Index(
                fields=["-priority", "due_at", "id"], condition=UNFINISHED, name="tasks_to_claim"
            ),
            models.Index(
                fields=["status", "finished_at"], condition=~UNFINISHED, name="tasks_that_ended"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.path.rpartition('.')[2]} {self.pk}"

    def result(self, task: "Task[P, R]") -> "TaskResult[P, R]":
        """The row as Django's API shows it."""
        result: TaskResult[P, R] = TaskResult(
            task=task,
            id=str(self.pk),
            status=TaskResultStatus(self.status),
            enqueued_at=self.enqueued_at,
            started_at=self.started_at,
            last_attempted_at=self.last_attempted_at,
            finished_at=self.finished_at,
            args=self.args,
            kwargs=self.kwargs,
            backend=task.backend,
            errors=[TaskError(exception_class_path=self.exception, traceback=self.traceback)]
            if self.exception
            else [],
            worker_ids=["worker"] * self.attempts,  # by which the API counts attempts
        )
        object.__setattr__(result, "_return_value", self.return_value)
        return result
