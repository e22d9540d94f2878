"""The bridge to Telegram as a Django app."""

from django.apps import AppConfig
from django.core import checks


class TelegramConfig(AppConfig):
    name = "bridges.telegram"
    label = "telegram"
    verbose_name = "Telegram"

    def ready(self) -> None:
        from bridges.telegram import linking, sending
        from notifications.actions import notified

        linking.connect_signals()
        notified.connect(sending.enqueue)
        checks.register(linking.check_token)
