"""Letting go of what is long read, so that the table does not grow for ever."""

from datetime import datetime

from django.db.models import Max, Q

from notifications.actions.locking import locked
from notifications.actions.recipients import in_chunks
from notifications.models import Inbox, Notification


def prune(before: datetime) -> int:
    """Drop notifications that were read or deleted before a moment; returns how many.

    A client that last heard of anything before then starts over when it resumes.
    """
    old = Notification.objects.filter(Q(read_at__lt=before) | Q(deleted_at__lt=before))
    recipients = list(old.order_by().values_list("recipient", flat=True).distinct())
    dropped = 0
    for chunk in in_chunks(recipients):
        with locked(chunk) as inboxes:
            rows = old.filter(recipient__in=list(inboxes))
            latest = rows.order_by().values_list("recipient").annotate(latest=Max("rev"))
            for pk, rev in latest:
                Inbox.objects.filter(pk=pk, pruned_rev__lt=rev).update(pruned_rev=rev)
            dropped += rows.delete()[0]
    return dropped
