"""Bots as a Django app."""

from django.apps import AppConfig


class BotsConfig(AppConfig):
    name = "bots"

    def ready(self) -> None:
        from bots import answering, checks  # noqa: F401 (registers the check)
        from bots.notifications import connect_notifications

        answering.connect_signals()
        connect_notifications()
