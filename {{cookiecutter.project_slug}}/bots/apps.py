"""Bots as a Django app."""

from django.apps import AppConfig


class BotsConfig(AppConfig):
    name = "bots"

    def ready(self) -> None:
        from bots import answering, checks, notifications  # noqa: F401 (registers the check)

        answering.connect_signals()
        notifications.connect_signals()
