"""Background work: a row written in the transaction that wants it, run at least once.

    @task
    def send_invoice(order_id: int) -> None: ...

    send_invoice.enqueue(order.pk)

This is Django's tasks API: https://docs.djangoproject.com/en/6.0/topics/tasks/. A worker claims the
row under a lease, which it renews while the task runs. A task that raises is tried again, after a
longer pause each time, and ends as failed where it never succeeds. A task whose worker was killed
runs again, so what a task does must bear being done twice.
"""

from realtime.tasks.api import TaskResultStatus, task
from realtime.tasks.backend import enqueue_many, unfinished
from realtime.tasks.worker import NotYet, RetryLater, run_due

__all__ = [
    "NotYet",
    "RetryLater",
    "TaskResultStatus",
    "enqueue_many",
    "run_due",
    "task",
    "unfinished",
]
