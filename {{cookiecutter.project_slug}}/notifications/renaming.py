"""Showing people's names as they are now in what others were told of them."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.dispatch import receiver

from accounts.models import User
from accounts.signals import people_leaving, person_changed
from notifications.actions import retell
from notifications.models import Notification
from notifications.queries import in_chunks, told
from realtime.tasks import enqueue_many, task


@task
def refresh(notification_ids: list[int]) -> None:
    """Show notifications as they are now, with the names of their people."""
    retell(told(notification__in=notification_ids))


@receiver(person_changed)
def _person_changed(user: User, fields: set[str], **kwargs: Any) -> None:  # Any: a signal's
    if fields != {"is_active"}:
        _enqueue(Notification.objects.filter(actor=user))


@receiver(people_leaving)
def _people_leaving(users: Iterable[User], **kwargs: Any) -> None:  # Any: a signal's
    _enqueue(Notification.objects.filter(actor__in=users))


def _enqueue(notifications: QuerySet[Notification]) -> None:
    ids = notifications.filter(deleted_at=None).values_list("pk", flat=True)
    enqueue_many(refresh, [(chunk,) for chunk in in_chunks(list(ids))])
