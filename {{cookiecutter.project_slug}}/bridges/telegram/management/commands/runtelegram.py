"""Run the site's Telegram bot, until SIGTERM or SIGINT. One process is enough, and one alone."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from bridges.telegram.server import TelegramServer
from realtime.asgi import Application
from realtime.interfaces import InterfaceCommand


class Command(InterfaceCommand):
    help = __doc__

    def make_server(self, application: Application, **options: Any) -> TelegramServer:
        if not settings.TELEGRAM_TOKEN:
            raise CommandError(
                "TELEGRAM_TOKEN is not set. Make a bot with @BotFather in Telegram, and set it to "
                "the token that you get there."
            )
        return TelegramServer(application)
