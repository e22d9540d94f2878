"""The connections of this process, and the task that keeps them in the store."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

from presence.announcer import Announce, Announcer
from presence.lease import Lease, Visibilities, Visit
from presence.stores import (
    Change,
    Leave,
    SetAway,
    SetViewing,
    SetVisibility,
    Store,
)


class Attendance:
    """Counts connections. Belongs to one event loop; see `presence.running`.

    Its task starts with the first connection and ends some time after the last one, when no grace
    is running and nothing waits to be announced. Methods raise `StoreUnavailable` when the store
    does not answer; the change is then made as soon as it does.

    Args:
        announce: publishes announcements.
        visibilities: reads how often people changed whether they appear.
    """

    def __init__(self, store: Store, announce: Announce, visibilities: Visibilities) -> None:
        self.loop = asyncio.get_running_loop()
        self.store = store
        self.ended = False
        self._announcer = Announcer(store, announce)
        self._lease = Lease(store, visibilities, self._announcer.wake)
        self._touched_at = 0.0
        self._task: asyncio.Task[None] | None = None

    async def join(self, visit: Visit) -> None:
        """The visit's connection is in its rooms, and views its topic."""
        self._lease.visits[visit.connection] = visit
        if self._task is None:
            self._task = self.loop.create_task(self._run())
        await self._submit(*visit.changes())

    def leave(self, visit: Visit) -> asyncio.Future[None]:
        """The visit's connection is closed. Does nothing if it never joined.

        The change is submitted whether or not the future is awaited.
        """
        if self._lease.visits.pop(visit.connection, None):
            return self._submit(
                Leave(visit.connection, visit.user, tuple(visit.rooms)),
                *self._set_viewing(visit, None),
            )
        done = self.loop.create_future()
        done.set_result(None)
        return done

    async def set_state(self, visit: Visit, *, away: bool, viewing: str | None) -> None:
        """The visit is away or not, and views another topic."""
        visit.away = away
        await self._submit(
            SetAway(visit.connection, visit.user, tuple(visit.rooms), away),
            *self._set_viewing(visit, viewing),
        )

    async def enter(self, visit: Visit, rooms: Collection[str]) -> None:
        """The visit counts in these rooms too."""
        visit.rooms.update(rooms)
        await self._submit(visit.join(rooms))

    def withdraw(self, visit: Visit, rooms: Collection[str]) -> asyncio.Future[None]:
        """The visit no longer counts in these rooms; see `leave`."""
        visit.rooms.difference_update(rooms)
        return self._submit(Leave(visit.connection, visit.user, tuple(rooms)))

    async def set_visibility(self, user: int, rooms: Collection[str], visibility: int) -> None:
        """A person appears offline in `rooms` or no longer does, on all their connections."""
        for visit in self._lease.visits.values():
            if visit.user == user:
                visit.visibility = max(visit.visibility, visibility)
        await self._submit(SetVisibility(user, tuple(rooms), visibility))

    @staticmethod
    def _set_viewing(visit: Visit, topic: str | None) -> list[Change]:
        """Let the visit view another topic; the changes that say so to the store."""
        before, visit.viewing = visit.viewing, topic
        return [
            SetViewing(visit.connection, visit.user, each, viewing)
            for each, viewing in ((before, False), (topic, True))
            if each is not None and before != topic
        ]

    def _submit(self, *changes: Change) -> asyncio.Future[None]:
        self._touched_at = self.loop.time()
        return self._lease.submit(*changes)

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
