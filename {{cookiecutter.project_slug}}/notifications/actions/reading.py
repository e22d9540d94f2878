"""Reading and deleting notifications, and pruning old ones."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from notifications.frames import Deleted, Told, Unread
from notifications.models import UNREAD, Inbox, Notification
from notifications.queries import in_chunks, recipients_of, unread_count
from realtime.delivery.publishing import Event, publish, publish_many
from realtime.feeds.changes import Changes, changing


def mark_read(user: User, notification_id: int) -> int:
    """Mark one as read; doing so twice is harmless. Returns how many are unread.

    Raises:
        Refusal: `not_found`, the user has no such notification.
    """
    with Inbox(user=user).changing() as changes:
        notification = changes.get(Notification, pk=notification_id, deleted_at=None)
        if notification.read_at is None:
            _read(changes, [notification])
    return changes.feed.unread


def mark_target_read(user: User, target: str) -> int:
    """Mark as read what was told of a target. Returns how many are unread altogether."""
    unread = Notification.objects.filter(UNREAD, recipient=user, target=target).order_by("seq")
    if not unread.exists():
        return unread_count(user.pk)
    with Inbox(user=user).changing() as changes:
        _read(changes, changes.select(unread))
    return changes.feed.unread


def mark_all_read(user: User) -> int:
    """Mark everything as read, however much it is, by one change. Returns 0: what is unread."""
    with changing(Inbox.objects.filter(user=user, unread__gt=0)) as changes:
        for inbox in changes.feeds.values():
            unread = Notification.objects.filter(UNREAD, recipient=user)
            unread.update(read_at=timezone.now())
            inbox.unread = 0
            inbox.read_rev = rev = changes.mark(inbox)
            publish(inbox.topic, "unread", Unread(0, rev), rev, group=inbox.group)
    return 0


def delete(user: User, notification_id: int) -> int:
    """Take one off the list for good. Returns how many are unread.

    Raises:
        Refusal: `not_found`, the user has no such notification.
    """
    with Inbox(user=user).changing() as changes:
        delete_all(changes, [changes.get(Notification, pk=notification_id, deleted_at=None)])
    return changes.feed.unread


def prune(before: datetime) -> int:
    """Drop notifications that were read or deleted before a moment; returns how many.

    A client that last heard of anything before then starts over when it resumes.
    """
    old = Notification.objects.filter(Q(read_at__lt=before) | Q(deleted_at__lt=before))
    dropped = 0
    for chunk in in_chunks(recipients_of(old)):
        with Inbox.changing_of(chunk) as changes:
            dropped += changes.prune(old)
    return dropped


def _read(changes: Changes[Inbox], notifications: Sequence[Notification]) -> None:
    inbox = changes.feed
    for notification in notifications:
        notification.read_at = timezone.now()
    changes.save(*notifications, fields=["read_at"])
    for notification in notifications:
        inbox.unread -= 1
        told = Told(notification.as_data(), inbox.unread)
        publish(inbox.topic, "notification.updated", told, notification.rev, group=inbox.group)


def delete_all(changes: Changes[Inbox], notifications: Sequence[Notification]) -> None:
    """Delete notifications of inboxes that are locked."""
    changes.delete(*notifications)
    events = []
    for notification in notifications:
        inbox = changes.feeds[notification.recipient_id]
        inbox.unread -= notification.read_at is None
        deleted = Deleted(notification.pk, inbox.unread)
        events.append(Event(inbox.group, "notification.deleted", deleted, notification.rev))
    publish_many(Inbox.topics.name, events)
