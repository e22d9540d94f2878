from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = _("Chat")

    def ready(self) -> None:
        from chat import notifications  # noqa: F401 (connects to signals)
        from chat.actions import attachments, people, previews  # noqa: F401 (connect to signals)
        from chat.words import keep_triggers

        post_migrate.connect(keep_triggers, sender=self)
