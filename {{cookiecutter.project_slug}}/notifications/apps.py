"""Notifications as a Django app."""

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import pre_delete


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        from notifications import announcement, queries
        from notifications.actions.locking import hold
        from realtime import topics

        announcement.register()
        topics.register(queries.InboxTopic())
        pre_delete.connect(hold, sender=settings.AUTH_USER_MODEL)
