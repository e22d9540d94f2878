"""One thing that a person should hear about."""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils import timezone

TARGET_CHARACTERS = 100
UNREAD = Q(read_at=None, deleted_at=None)


class Notification(models.Model):
    """What happened, told to one person.

    `seq` is the number of the latest happening and gives the notification its place in the list;
    `rev` is the number of its latest change of any sort. While it is unread, more of the same group
    is folded into it: it moves to the front, says what happened last, and counts. A deleted one
    keeps its row, emptied, so that whoever resumes learns of it (see `prune_notifications`).
    """

    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    seq = models.PositiveBigIntegerField()
    rev = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=64)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    target = models.CharField(max_length=TARGET_CHARACTERS, blank=True)
    group = models.CharField(max_length=TARGET_CHARACTERS, blank=True)
    count = models.PositiveIntegerField(default=1)
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    quiet = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    """Of the latest happening."""
    read_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-seq"]
        constraints = [
            models.UniqueConstraint(fields=["recipient", "seq"], name="one_notification_per_seq"),
            models.UniqueConstraint(fields=["recipient", "rev"], name="one_notification_per_rev"),
            models.UniqueConstraint(
                fields=["recipient", "group"],
                condition=UNREAD & ~Q(group=""),
                name="one_unread_notification_per_group",
            ),
        ]
        indexes = [
            models.Index(
                fields=["recipient", "target"], condition=UNREAD, name="unread_notifications"
            ),
            models.Index(
                fields=["created_at"], condition=UNREAD & Q(mailed_at=None), name="unmailed"
            ),
            models.Index(fields=["target"], condition=Q(deleted_at=None), name="by_target"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.recipient}"
