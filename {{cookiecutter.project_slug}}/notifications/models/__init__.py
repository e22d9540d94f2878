"""Notifications' tables."""

from notifications.models.inbox import Inbox
from notifications.models.notification import Notification
from notifications.models.preferences import KindPreference, TargetPreference

__all__ = ["Inbox", "KindPreference", "Notification", "TargetPreference"]
