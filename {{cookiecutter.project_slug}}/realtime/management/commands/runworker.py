"""Channels' worker, which also runs tasks, and which no failure of the channel layer ends."""

import asyncio
import logging
import signal
import warnings
from contextlib import suppress
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from channels.management.commands.runworker import Command as WorkerCommand
from channels.worker import Worker as ChannelWorker
from django.core.management.base import CommandError

from realtime.delivery.hub import RETRY_SECONDS
from realtime.tasks.backend import CHANNEL, channel_of
from realtime.tasks.worker import ALIVE_FILE, Worker, known_queues

logger = logging.getLogger(__name__)


class LastingWorker(ChannelWorker):
    """Listens again when the channel layer failed."""

    async def listener(self, channel: str) -> None:
        while True:
            try:
                await super().listener(channel)
            except Exception as error:
                logger.warning("No message comes from the channel %s: %s", channel, error)
                await asyncio.sleep(RETRY_SECONDS)


class Command(WorkerCommand):
    help = (
        "Listen on channels and run their consumers, until SIGTERM or SIGINT. "
        f"With the channel {CHANNEL!r} or that of another queue, run the tasks of that queue."
    )
    worker_class = LastingWorker

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        queues = [each for each in known_queues() if channel_of(each) in options["channels"]]
        in_memory = isinstance(get_channel_layer(options["layer"]), InMemoryChannelLayer)
        # Tasks are found without a message.
        if in_memory and not set(options["channels"]) <= {channel_of(each) for each in queues}:
            raise CommandError(
                "A worker hears nothing over the in-memory channel layer, which reaches only the "
                "process that it is in. Set REDIS_URL or LAYER_URL, for this command and for the "
                "site."
            )
        # Channels' own worker passes a lambda to a SyncConsumer's `send`.
        warnings.filterwarnings("ignore", "async_to_sync was passed a non-async-marked callable")
        # As SIGINT does, let a consumer's thread finish first.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        tasks = Worker(queues, alive=ALIVE_FILE) if queues else None
        if tasks:
            tasks.start()
        try:
            with suppress(KeyboardInterrupt):  # before there is a loop that takes it
                super().handle(*args, **options)
        finally:
            if tasks:
                tasks.stop()
