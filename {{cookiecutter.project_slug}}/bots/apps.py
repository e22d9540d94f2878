"""Bots as a Django app."""

from django.apps import AppConfig
from django.urls import reverse


class BotsConfig(AppConfig):
    name = "bots"

    def ready(self) -> None:
        from bots import answering, checks  # noqa: F401 (registers the check)
        from bots.models import WEBHOOK_OFF
        from notifications.kinds import Kind, register

        text = "{bot} of {room} is off: {why}"
        link = "bots:room"
        register(
            Kind(WEBHOOK_OFF, "Webhooks", text, lambda row: reverse(link, args=[row.data["slug"]]))
        )
        answering.connect_signals()
