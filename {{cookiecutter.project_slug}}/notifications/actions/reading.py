"""What people do with what they were told."""

from django.utils import timezone

from accounts.models import User
from notifications import announcements
from notifications.actions.locking import locked_one, next_rev
from notifications.models import Inbox, Notification
from notifications.models.notification import UNREAD
from realtime.protocol import ErrorCode, Refusal


def mark_read(user: User, notification_id: int) -> int:
    """Mark one as read; doing so twice is harmless. Returns how many are unread.

    Raises:
        Refusal: `not_found`, the user has no such notification.
    """
    with locked_one(user.pk) as inbox:
        notification = _own(inbox, notification_id)
        if notification.read_at is None:
            _read(inbox, notification)
    return inbox.unread


def mark_target_read(user: User, target: str) -> int:
    """Mark as read what was told of a target. Returns how many are unread altogether."""
    unread = Notification.objects.filter(UNREAD, recipient=user, target=target)
    if not unread.exists():
        return Inbox.objects.filter(user=user).values_list("unread", flat=True).first() or 0
    with locked_one(user.pk) as inbox:
        for notification in unread.select_related("actor").order_by("seq"):
            _read(inbox, notification)
    return inbox.unread


def mark_all_read(user: User) -> int:
    """Mark everything as read, however much it is, by one change. Returns 0: what is unread."""
    with locked_one(user.pk) as inbox:
        if inbox.unread:
            unread = Notification.objects.filter(UNREAD, recipient=user)
            unread.update(read_at=timezone.now())
            inbox.unread = 0
            inbox.read_rev = next_rev(inbox)
            announcements.all_read(inbox)
    return inbox.unread


def delete(user: User, notification_id: int) -> int:
    """Take one off the list for good. Returns how many are unread.

    Raises:
        Refusal: `not_found`, the user has no such notification.
    """
    with locked_one(user.pk) as inbox:
        remove(inbox, _own(inbox, notification_id))
    return inbox.unread


def remove(inbox: Inbox, notification: Notification) -> None:
    """Delete a notification of an inbox that is locked."""
    inbox.unread -= notification.read_at is None
    notification.rev = next_rev(inbox)
    notification.deleted_at = timezone.now()
    notification.data = {}
    notification.save(update_fields=["rev", "deleted_at", "data"])
    announcements.deleted(notification, inbox)


def _own(inbox: Inbox, notification_id: int) -> Notification:
    rows = Notification.objects.filter(
        pk=notification_id, recipient=inbox.pk, deleted_at=None
    ).select_related("actor")
    notification = rows.first()
    if notification is None:
        raise Refusal(ErrorCode.NOT_FOUND, "You have no such notification.")
    return notification


def _read(inbox: Inbox, notification: Notification) -> None:
    inbox.unread -= 1
    notification.rev = next_rev(inbox)
    notification.read_at = timezone.now()
    notification.save(update_fields=["rev", "read_at"])
    announcements.updated(notification, inbox)
