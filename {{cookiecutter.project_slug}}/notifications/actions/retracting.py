"""Taking back what people were told, when it is no longer so."""

from django.db.models import QuerySet

from notifications.actions.locking import locked, save
from notifications.actions.reading import remove
from notifications.actions.recipients import Recipients, in_chunks
from notifications.models import Notification


def retract(
    target: str, *, kind: str = "", recipients: Recipients | None = None, **data: object
) -> int:
    """Delete what people were told of a target, as when an invitation is withdrawn.

    Args:
        kind: of this kind only.
        recipients: of these people only.
        data: only those in which these keys have these values.

    Returns:
        How many there were.
    """
    rows = Notification.objects.filter(target=target, deleted_at=None)
    rows = rows.filter(**{f"data__{key}": value for key, value in data.items()})
    if kind:
        rows = rows.filter(kind=kind)
    if recipients is None:
        recipients = list(rows.order_by().values_list("recipient", flat=True).distinct())
    return sum(_retract(chunk, rows) for chunk in in_chunks(recipients))


def _retract(user_ids: list[int], rows: QuerySet[Notification]) -> int:
    with locked(user_ids) as inboxes:
        found = list(rows.filter(recipient__in=list(inboxes)).order_by("rev"))
        for notification in found:
            remove(inboxes[notification.recipient_id], notification)
        for pk in {notification.recipient_id for notification in found}:
            save(inboxes[pk])
    return len(found)
