"""Sending to the channel layer where no engine runs: from commands, shells, workers and tests."""

import asyncio
import atexit
import os
import time
from collections.abc import Awaitable, Callable
from functools import cache
from threading import Thread

from channels.layers import get_channel_layer

from realtime.delivery.hub import LAYER_SECONDS, RETRY_SECONDS, LayerMessage, layer_group, stamped

STOP_SECONDS = 1.0


class LayerAway(Exception):
    """The layer did not answer a moment ago, so it is not waited for again."""


class Sender:
    """A thread with an event loop of its own, which keeps its connection to the layer.

    A plain function cannot await, nor may it wait for a loop that it runs on itself. The loop of
    this thread serves callers of every kind, and none of them can end it.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._away_until = 0.0
        self._thread = Thread(target=self._run, name="realtime-sender", daemon=True)
        self._thread.start()
        atexit.register(self._stop)

    def run(self, sending: Callable[[], Awaitable[None]]) -> None:
        """Await `sending()`, which sends something; return once it is sent.

        Raises:
            TimeoutError: the layer did not answer in `LAYER_SECONDS`.
            LayerAway: that was less than `RETRY_SECONDS` ago.
            Exception: whatever the layer raises.
        """
        if time.monotonic() < self._away_until:
            raise LayerAway("it did not answer a moment ago")
        sent = asyncio.run_coroutine_threadsafe(_twice(sending), self._loop)
        try:
            sent.result(LAYER_SECONDS)
        except TimeoutError:
            self._away_until = time.monotonic() + RETRY_SECONDS
            sent.cancel()
            raise TimeoutError(f"no answer in {LAYER_SECONDS:.0f} seconds") from None

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()  # and with it, by Channels' Redis layers, the connection

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)


def send_alone(group: str, message: LayerMessage) -> None:
    """Send to every process that listens to `group`, by this process's `Sender`.

    Raises:
        Exception: as `Sender.run`.
    """
    layer = get_channel_layer()
    _sender(os.getpid()).run(lambda: layer.group_send(layer_group(group), stamped(message)))


def send_to_channel(channel: str, message: LayerMessage) -> None:
    """The same to whoever receives from a channel, such as `manage.py runworker`."""
    layer = get_channel_layer()
    _sender(os.getpid()).run(lambda: layer.send(channel, message))


@cache
def _sender(pid: int) -> Sender:  # a forked process does not inherit threads
    return Sender()


async def _twice(sending: Callable[[], Awaitable[None]]) -> None:
    try:
        await sending()
    except Exception:  # the connection that was kept may have broken since; a new one may work
        await sending()
