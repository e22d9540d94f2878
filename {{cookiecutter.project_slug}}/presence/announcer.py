"""The time-driven half of presence: takes leave of who is gone, announces what changed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from presence.stores.interface import Announcement, Store, StoreUnavailable, Swept

logger = logging.getLogger(__name__)

SWEEP_LIMIT = 250  # connections and people; a call takes some five milliseconds of Redis's time
ANNOUNCED_PEOPLE = 250  # in one frame
RETRY_SECONDS = 1
BREATH_SECONDS = 0.005  # between two sweeps of many, for what else Redis does
MARGIN_SECONDS = 0.005  # so as not to come for an announcement a moment too early

Tell = Callable[[Sequence[Announcement]], Awaitable[None]]


class Announcer:
    """Sweeps and announces on behalf of all processes; any number may do so at once.

    Args:
        tell: publishes announcements.
    """

    def __init__(self, store: Store, tell: Tell) -> None:
        self.quiet = False
        """Whether the last sweep found nobody about to leave and nothing to announce."""
        self._store = store
        self._tell = tell
        self._stirred = asyncio.Event()

    def stir(self) -> None:
        """There is something new to announce."""
        self._stirred.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                swept = await self._store.sweep(SWEEP_LIMIT)
                await self._announce()
            except StoreUnavailable as error:
                logger.warning("Presence: the store does not answer: %s", error.cause)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                logger.exception("Presence: a sweep failed")
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await self._wait(swept)

    async def _announce(self) -> None:
        announcements = await self._store.announce(ANNOUNCED_PEOPLE)
        if not announcements:
            return
        try:
            await self._tell(announcements)
        except Exception:  # clients find the gap, and ask
            logger.exception("Presence: %d announcements were lost", len(announcements))

    async def _wait(self, swept: Swept) -> None:
        self.quiet = swept.quiet
        if swept.stirred:
            self.stir()
        if swept.more:
            await asyncio.sleep(BREATH_SECONDS)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._store.timing.sweep_seconds):
                await self._stirred.wait()
        if self._stirred.is_set():
            self._stirred.clear()
            await asyncio.sleep(self._store.timing.window_seconds + MARGIN_SECONDS)
