"""Presence in the process's own memory: for development, tests and sites of one process."""

import heapq
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from presence.stores import (
    Announcement,
    LeaseLost,
    Roster,
    State,
    Swept,
    Timing,
    Visit,
)
from realtime.viewing import View


@dataclass
class _Lease:
    """One process: when its lease expires, and its visits by connection."""

    until: float
    visits: dict[str, Visit] = field(default_factory=dict)


class _Room:
    """One room: its people's connections, and the state that each person shows."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.connections: dict[int, Counter[bool]] = defaultdict(Counter)
        """Of each person, how many are away and how many are not."""
        self.shows: dict[int, State] = {}
        self.changed: set[int] = set()

    def target(self, user: int) -> State:
        connections = self.connections[user]
        if connections.total():
            return State.ONLINE if connections[False] else State.AWAY
        del self.connections[user]
        return State.OFFLINE


def _places(visit: Visit | None) -> dict[str, bool]:
    """The rooms that a visit counts in, each with whether it is away."""
    return {} if visit is None or visit.ended else dict.fromkeys(visit.rooms, visit.away)


class MemoryStore:
    """Who is in which room and views which topic, as reported by processes that hold a lease each.

    A person is in a room from their first connection until `grace` after their last one. A process
    whose lease expires loses its visits. Every change takes effect at once and is announced after
    `window`, together with the room's other changes. A room's version only rises, even when the
    store has lost all its data. Viewing is not announced.

    `RedisStore` has the same methods, which raise `StoreUnavailable` too.

    Args:
        clock: seconds since 1970; a test gives one that it sets itself.
    """

    def __init__(self, timing: Timing, clock: Callable[[], float] = time.time) -> None:
        self.timing = timing
        self._clock = clock
        self._leases: dict[str, _Lease] = {}
        self._rooms: dict[str, _Room] = defaultdict(lambda: _Room(int(self._clock() * 1_000_000)))
        self._leaving: dict[tuple[str, int], float] = {}
        self._announce_at: dict[str, float] = {}
        self._visibility: dict[int, int] = {}
        self._wake = False

    async def open(self, process: str) -> None:
        """Begin the lease of `process`, a name never used before."""
        self._leases[process] = _Lease(self._clock() + self.timing.lease_seconds)

    async def beat(self, process: str) -> int:
        """Renew a lease; return how many visits the store has under it.

        Raises:
            LeaseLost: it has expired.
        """
        lease = self._lease(process)
        lease.until = self._clock() + self.timing.lease_seconds
        return len(lease.visits)

    async def put(self, process: str, visits: Sequence[Visit]) -> bool:
        """Replace, in order, what is known of these connections; idempotent.

        Returns whether there is something new to announce.

        Raises:
            LeaseLost: the lease has expired, and nothing was changed.
        """
        lease = self._lease(process)
        self._wake = False
        for visit in visits:
            self._put(lease, visit)
        return self._wake

    async def release(self, process: str) -> None:
        """End a lease now, and its visits with it."""
        if process in self._leases:
            self._leases[process].until = 0

    async def sweep(self, limit: int) -> Swept:
        """Remove the visits of expired leases, and people whose grace is over: about `limit`."""
        now, self._wake = self._clock(), False
        for process, lease in list(self._leases.items()):
            while lease.until <= now and lease.visits and limit > 0:
                visit = next(iter(lease.visits.values()))
                self._put(lease, replace(visit, ended=True))
                limit -= max(len(visit.rooms), 1)
            if lease.until <= now and not lease.visits:
                del self._leases[process]
        due = [pair for pair, at in self._leaving.items() if at <= now]
        for room, user in due[: max(limit, 0)]:
            self._settle(room, user, patient=False)
            limit -= 1
        return Swept(more=limit <= 0, wake=self._wake)

    async def announce(self, limit: int) -> list[Announcement]:
        """Take what is due, of `limit` people each; each is given to one caller only."""
        now = self._clock()
        announcements = []
        for name in [name for name, at in self._announce_at.items() if at <= now]:
            del self._announce_at[name]
            room = self._rooms[name]
            while room.changed:
                users = [room.changed.pop() for _ in range(min(limit, len(room.changed)))]
                room.version += 1
                people = {user: room.shows.get(user, State.OFFLINE) for user in users}
                size = len(room.shows)
                announcements.append(Announcement(name, room.version, now, size, people))
        return announcements

    async def rosters(self, rooms: Sequence[str], *, limit: int) -> list[Roster]:
        """The first `limit` people of each room, by ascending id."""
        return [self._roster(name, self._rooms[name], limit) for name in rooms]

    async def states(self, rooms: Sequence[str], users: Sequence[int]) -> dict[int, State]:
        """The state of each of `users` as it shows in any of `rooms`."""
        states = dict.fromkeys(users, State.OFFLINE)
        for room in (self._rooms[name] for name in rooms):
            for user in states.keys() & room.shows.keys():
                if states[user] != State.ONLINE:
                    states[user] = room.shows[user]
        return states

    def viewers(self, topics: Collection[str]) -> set[View]:
        """As `realtime.viewing.viewers`; from any thread."""
        now = self._clock()
        return {
            (visit.user, visit.viewing)
            for lease in tuple(self._leases.values())  # copied in one step, against other threads
            if lease.until > now
            for visit in tuple(lease.visits.values())
            if visit.viewing is not None and visit.viewing in topics
        }

    async def close(self) -> None:
        pass

    def _lease(self, process: str) -> _Lease:
        lease = self._leases.get(process)
        if lease is None or lease.until <= self._clock():
            raise LeaseLost
        return lease

    def _put(self, lease: _Lease, visit: Visit) -> None:
        """Replace what is known of a connection (see `put` in common.lua)."""
        user = visit.user
        before = _places(lease.visits.pop(visit.connection, None))
        now = _places(visit)
        if not visit.ended:
            lease.visits[visit.connection] = visit
        turned = visit.visibility > self._visibility.get(user, 0)
        if turned:
            self._visibility[user] = visit.visibility
        for name in before.keys() | now.keys():
            was_away, is_away = before.get(name), now.get(name)
            if was_away == is_away and not turned:
                continue
            connections = self._rooms[name].connections[user]
            if was_away is not None:
                connections[was_away] -= 1
            if is_away is not None:
                connections[is_away] += 1
            self._settle(name, user, patient=was_away is None or is_away is None)

    def _settle(self, name: str, user: int, *, patient: bool) -> None:
        """Make the state that shows agree with the connections (see `settle` in common.lua)."""
        room = self._rooms[name]
        shows = room.shows.get(user, State.OFFLINE)
        target = room.target(user)
        if self._visibility.get(user, 0) % 2:
            target, patient = State.OFFLINE, False
        if patient and _RANK[target] < _RANK[shows]:
            self._leaving[name, user] = self._clock() + self.timing.grace_seconds
            return
        self._leaving.pop((name, user), None)
        if target == shows:
            return
        if target == State.OFFLINE:
            del room.shows[user]
        else:
            room.shows[user] = target
        room.changed.add(user)
        if name not in self._announce_at:
            self._announce_at[name] = self._clock() + self.timing.window_seconds
            self._wake = True

    @staticmethod
    def _roster(name: str, room: _Room, limit: int) -> Roster:
        people = {user: room.shows[user] for user in heapq.nsmallest(limit, room.shows)}
        return Roster(name, room.version, len(room.shows), people)


_RANK = {State.OFFLINE: 0, State.AWAY: 1, State.ONLINE: 2}
