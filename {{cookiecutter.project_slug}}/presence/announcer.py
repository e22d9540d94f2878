"""The periodic work of presence: removes who is gone, and announces what changed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from presence.stores import Announcement, Store, StoreUnavailable, Swept

logger = logging.getLogger(__name__)

SWEEP_LIMIT = 250  # connections and people; a call takes some five milliseconds of Redis's time
ANNOUNCED_PEOPLE = 250  # in one frame
RETRY_SECONDS = 1
PAUSE_SECONDS = 0.005  # between two sweeps of many, so that Redis can serve others
MARGIN_SECONDS = 0.005  # added to the window, so that an announcement is due when it is asked for

Announce = Callable[[Sequence[Announcement]], Awaitable[None]]


class Announcer:
    """Sweeps and announces for all processes; every process may run one.

    Args:
        announce: publishes announcements.
    """

    def __init__(self, store: Store, announce: Announce) -> None:
        self.quiet = False
        """Whether the last sweep found no grace running and nothing to announce."""
        self._store = store
        self._announce = announce
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There is something new to announce."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                swept = await self._store.sweep(SWEEP_LIMIT)
                await self._announce_due()
            except StoreUnavailable as error:
                logger.warning("Presence: the store does not answer: %s", error.cause)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                logger.exception("Presence: a sweep failed")
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await self._wait(swept)

    async def _announce_due(self) -> None:
        announcements = await self._store.announce(ANNOUNCED_PEOPLE)
        if not announcements:
            return
        try:
            await self._announce(announcements)
        except Exception:  # clients notice the gap, and ask
            logger.exception("Presence: %d announcements were lost", len(announcements))

    async def _wait(self, swept: Swept) -> None:
        self.quiet = swept.quiet
        if swept.wake:
            self.wake()
        if swept.more:
            await asyncio.sleep(PAUSE_SECONDS)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._store.timing.sweep_seconds):
                await self._woken.wait()
        if self._woken.is_set():
            self._woken.clear()
            await asyncio.sleep(self._store.timing.window_seconds + MARGIN_SECONDS)
