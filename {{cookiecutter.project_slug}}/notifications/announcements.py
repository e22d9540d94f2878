"""What notifications tell the sockets: every event they publish, on the commit of its change."""

from collections.abc import Iterable, Mapping

from notifications.models import Inbox, Notification
from notifications.topics import TOPIC, group
from notifications.wire import Deleted, Told, Unread, notification_data
from realtime.delivery.publishing import Event, publish, publish_many

CREATED = "notification.created"
UPDATED = "notification.updated"


def told(rows: Iterable[tuple[Notification, bool]], inboxes: Mapping[int, Inbox]) -> None:
    """Things were told: each by a row, and whether it is a new one."""
    publish_many(
        TOPIC,
        (
            Event(
                group(row.recipient_id),
                CREATED if is_new else UPDATED,
                Told(notification_data(row), inboxes[row.recipient_id].unread),
                row.rev,
            )
            for row, is_new in rows
        ),
    )


def updated(notification: Notification, inbox: Inbox) -> None:
    data = Told(notification_data(notification), inbox.unread)
    publish(TOPIC, UPDATED, data, notification.rev, group=group(inbox.pk))


def deleted(notification: Notification, inbox: Inbox) -> None:
    data = Deleted(notification.pk, inbox.unread)
    publish(TOPIC, "notification.deleted", data, notification.rev, group=group(inbox.pk))


def all_read(inbox: Inbox) -> None:
    data = Unread(inbox.unread, inbox.read_rev)
    publish(TOPIC, "unread", data, inbox.last_rev, group=group(inbox.pk))
