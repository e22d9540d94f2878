"""Telling the workers that there is something to do. A wake-up that is lost costs a poll."""

import asyncio
import logging
from threading import Event

from channels.layers import InMemoryChannelLayer, get_channel_layer

from realtime.delivery.engine import running_engine
from realtime.delivery.hub import LAYER_SECONDS
from realtime.delivery.publishing import send_alone

logger = logging.getLogger(__name__)

CHANNEL = "tasks"
MESSAGE = {"type": "tasks.wake"}

here: set[Event] = set()
"""What wakes the workers of this process."""


def wake() -> None:
    """Wake this process's workers or, where it has none, those that listen on the channel layer.

    Waits for the layer only where no engine runs, and there for `LAYER_SECONDS` at most.
    """
    if here:
        wake_here()
    elif not isinstance(get_channel_layer(), InMemoryChannelLayer):  # which reaches nobody else
        try:
            _wake_elsewhere()
        except Exception as error:  # the rows stand, and are found by the next poll
            logger.warning("No worker was woken: %s %s", type(error).__name__, error)


def wake_here() -> None:
    for event in list(here):
        event.set()


def _wake_elsewhere() -> None:
    engine = running_engine()
    if engine is None:
        send_alone(lambda: get_channel_layer().send(CHANNEL, MESSAGE))
    elif engine.hub.answering.is_set():
        asyncio.run_coroutine_threadsafe(_send(), engine.hub.loop)


async def _send() -> None:
    try:
        async with asyncio.timeout(LAYER_SECONDS):
            await get_channel_layer().send(CHANNEL, MESSAGE)
    except Exception as error:  # as above
        logger.warning("No worker was woken: %s %s", type(error).__name__, error)
