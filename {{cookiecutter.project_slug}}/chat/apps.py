"""Chat as a Django app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = _("Chat")

    def ready(self) -> None:
        from chat import notifications
        from chat.actions import attachments, people, previews
        from chat.words import keep_triggers
        from realtime.tasks.worker import tidying

        notifications.connect_signals()
        people.connect_signals()
        previews.connect_signals()
        tidying.connect(attachments.enqueue_pruning)
        post_migrate.connect(keep_triggers, sender=self)
