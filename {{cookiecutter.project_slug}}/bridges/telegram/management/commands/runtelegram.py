"""Run the site's Telegram bot, until SIGTERM or SIGINT. One process is enough, and one alone."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from bridges.telegram.server import TelegramServer
from realtime.interfaces import InterfaceCommand
from realtime.tasks.worker import start_in_web


class Command(InterfaceCommand):
    help = __doc__
    server_class = TelegramServer

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        if not settings.TELEGRAM_TOKEN:
            raise CommandError(
                "TELEGRAM_TOKEN is not set. Make a bot with @BotFather in Telegram, and set it to "
                "the token that you get there."
            )
        start_in_web()
        super().handle(*args, **options)
