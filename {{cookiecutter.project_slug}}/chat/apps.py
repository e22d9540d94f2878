"""Chat as a Django app."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        from chat import notifications
        from chat.actions import attachments, people
        from realtime.tasks.worker import tidying

        notifications.connect_signals()
        people.connect_signals()
        tidying.connect(attachments.enqueue_pruning)
