"""The engine's tables."""

from django.db import models

from realtime.budgets import Spending
from realtime.feeds.binding import Stream, StreamItem
from realtime.tasks.models import TaskRow

__all__ = ["Spending", "Stream", "StreamItem", "TaskRow", "Ticket"]


class Ticket(models.Model):
    """Permission to open one socket. Stored as a digest, so that a leaked table opens none."""

    digest = models.CharField(max_length=64, primary_key=True)
    session_key = models.CharField(max_length=40)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"until {self.expires_at:%Y-%m-%d %H:%M:%S}"
