"""One person's notifications as a whole."""

from uuid import uuid4

from django.conf import settings
from django.db import models


class Inbox(models.Model):
    """The run of numbers that a person's notifications take, and what counts over all of them.

    Every change to a person's notifications takes the next `last_rev`, under this row's lock, in
    the transaction that makes the change, so that the order of numbers is the order of commits.
    `epoch` names this run of numbers: a database restored from a backup needs new ones.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    epoch = models.UUIDField(default=uuid4, editable=False)
    last_rev = models.PositiveBigIntegerField(default=0, editable=False)
    unread = models.PositiveIntegerField(default=0, editable=False)
    read_rev = models.PositiveBigIntegerField(default=0, editable=False)
    """The latest change that marked everything read: all older notifications are."""
    pruned_rev = models.PositiveBigIntegerField(default=0, editable=False)
    """Rows up to this change may be gone: who resumes from before it starts over."""
    digest = models.BooleanField(default=True)
    """Whether they want an e-mail about what stayed unread."""
    mailed_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When the latest such e-mail was sent."""

    class Meta:
        verbose_name_plural = "inboxes"

    def __str__(self) -> str:
        return f"of {self.user}"
