"""One process's connections, and the task that keeps and announces them."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

from presence.announcer import Announcer, Tell
from presence.lease import Lease, Visibilities
from presence.stores.interface import Appear, Change, Leave, Store, Turn
from presence.visits import Visit


class Attendance:
    """Registers connections. Belongs to one event loop; see `presence.process`.

    Its task begins with the first connection and ends some time after the last one, when nobody is
    about to leave and nothing waits to be announced. What the methods wait for, they raise
    `StoreUnavailable` for; the visit counts all the same as soon as the store answers.

    Args:
        tell: publishes announcements.
        visibilities: reads how often people changed whether they appear.
    """

    def __init__(self, store: Store, tell: Tell, visibilities: Visibilities) -> None:
        self.loop = asyncio.get_running_loop()
        self.store = store
        self.ended = False
        self._announcer = Announcer(store, tell)
        self._lease = Lease(store, visibilities, self._announcer.stir)
        self._touched_at = 0.0
        self._task: asyncio.Task[None] | None = None

    async def join(self, visit: Visit) -> None:
        """The visit's connection is in its rooms."""
        self._lease.visits[visit.connection] = visit
        if self._task is None:
            self._task = self.loop.create_task(self._run())
        await self._submit(visit.as_join())

    def leave(self, visit: Visit) -> asyncio.Future[None]:
        """The visit's connection is gone, whether or not one waits for the store to know.

        Harmless where it never joined.
        """
        if self._lease.visits.pop(visit.connection, None):
            return self._submit(Leave(visit.connection, visit.user, tuple(visit.rooms)))
        done = self.loop.create_future()
        done.set_result(None)
        return done

    async def turn(self, visit: Visit, *, away: bool) -> None:
        """The visit turns away, or back."""
        visit.away = away
        await self._submit(Turn(visit.connection, visit.user, tuple(visit.rooms), away))

    async def enter(self, visit: Visit, rooms: Collection[str]) -> None:
        """The visit counts in these rooms too."""
        visit.rooms.update(rooms)
        await self._submit(visit.as_join(rooms))

    def withdraw(self, visit: Visit, rooms: Collection[str]) -> asyncio.Future[None]:
        """The visit counts in these rooms no longer; see `leave`."""
        visit.rooms.difference_update(rooms)
        return self._submit(Leave(visit.connection, visit.user, tuple(rooms)))

    async def appear(self, user: int, rooms: Collection[str], visibility: int) -> None:
        """A person changed whether they appear: make it so in `rooms`, on all their connections."""
        for visit in self._lease.visits.values():
            if visit.user == user:
                visit.visibility = max(visit.visibility, visibility)
        await self._submit(Appear(user, tuple(rooms), visibility))

    def _submit(self, change: Change) -> asyncio.Future[None]:
        self._touched_at = self.loop.time()
        return self._lease.submit(change)

    async def stop(self) -> None:
        """End the task now; visits that are left end with the process's lease."""
        self.ended = True
        if self._task is None:
            await self.store.close()
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                parts = [
                    tasks.create_task(self._lease.run()),
                    tasks.create_task(self._announcer.run()),
                ]
                await self._wait_until_deserted()
                self.ended = True
                for part in parts:
                    part.cancel()
        finally:
            self.ended = True
            await self._lease.end()
            await self.store.close()

    async def _wait_until_deserted(self) -> None:
        timing = self.store.timing
        linger = timing.grace_seconds + timing.window_seconds + 3 * timing.sweep_seconds
        while True:
            await asyncio.sleep(timing.sweep_seconds)
            untouched = self.loop.time() > self._touched_at + linger
            if untouched and self._announcer.quiet and not self._lease.visits:
                return
