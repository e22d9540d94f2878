"""Channels' worker, which refuses to start on a layer that no message reaches it by."""

import signal
import warnings
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from channels.management.commands.runworker import Command as WorkerCommand
from django.core.management.base import CommandError


class Command(WorkerCommand):
    help = "Listen on channels and run their consumers, until SIGTERM or SIGINT."

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        if isinstance(get_channel_layer(options["layer"]), InMemoryChannelLayer):
            raise CommandError(
                "A worker hears nothing over the in-memory channel layer, which reaches only the "
                "process that it is in. Set REDIS_URL, for this command and for the site."
            )
        # Channels' own worker passes a lambda to a SyncConsumer's `send`.
        warnings.filterwarnings("ignore", "async_to_sync was passed a non-async-marked callable")
        # As SIGINT does, let a consumer's thread finish first.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        super().handle(*args, **options)
