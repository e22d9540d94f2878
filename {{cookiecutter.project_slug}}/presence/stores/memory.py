"""Presence in the process's own memory: for development, tests and sites of one process."""

import heapq
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from itertools import islice

from presence.stores import (
    Announcement,
    Change,
    Join,
    LeaseLost,
    Leave,
    Roster,
    SetAway,
    SetViewing,
    SetVisibility,
    State,
    Swept,
    Timing,
    View,
)

Entry = tuple[str, int, str]  # room, user, connection


class _Lease:
    """One process: when its lease expires, and its connections."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.entries: dict[Entry, bool] = {}  # to whether the connection is away
        self.views: dict[str, set[tuple[int, str]]] = {}  # topic to user and connection

    def __len__(self) -> int:
        return len(self.entries) + sum(map(len, self.views.values()))


class _Room:
    """One room: its people's connections, and the state that each person shows."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.connections: Counter[int] = Counter()
        self.away: Counter[int] = Counter()
        self.shows: dict[int, State] = {}
        self.changed: set[int] = set()

    def target(self, user: int) -> State:
        connections = self.connections[user]
        if not connections:
            return State.OFFLINE
        return State.AWAY if self.away[user] >= connections else State.ONLINE


class MemoryStore:
    """A `Store` for one process; it is lost with the process.

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
        self._leases[process] = _Lease(self._clock() + self.timing.lease_seconds)

    async def beat(self, process: str) -> int:
        lease = self._lease(process)
        lease.until = self._clock() + self.timing.lease_seconds
        return len(lease)

    async def apply(self, process: str, changes: Sequence[Change]) -> bool:
        lease = self._lease(process)
        self._wake = False
        for change in changes:
            self._apply(lease, change)
        return self._wake

    async def release(self, process: str) -> None:
        lease = self._leases.get(process)
        if lease is None:
            return
        if lease.entries:
            lease.until = 0
        else:
            del self._leases[process]

    async def sweep(self, limit: int) -> Swept:
        now, self._wake = self._clock(), False
        silent = {p: lease for p, lease in self._leases.items() if lease.until <= now}
        for process, lease in silent.items():
            for entry in list(islice(lease.entries, limit)):
                self._drop(lease, entry)
                limit -= 1
            if not lease.entries:
                del self._leases[process]
        due = [pair for pair, at in self._leaving.items() if at <= now]
        for room, user in due[:limit]:
            self._settle(room, user, patient=False)
            limit -= 1
        quiet = not self._leaving and not self._announce_at
        return Swept(more=limit <= 0, wake=self._wake, quiet=quiet)

    async def announce(self, limit: int) -> list[Announcement]:
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
        return [self._roster(name, self._rooms[name], limit) for name in rooms]

    async def states(self, rooms: Sequence[str], users: Sequence[int]) -> dict[int, State]:
        states = dict.fromkeys(users, State.OFFLINE)
        for room in (self._rooms[name] for name in rooms):
            for user in states.keys() & room.shows.keys():
                if states[user] != State.ONLINE:
                    states[user] = room.shows[user]
        return states

    async def versions(self, rooms: Sequence[str]) -> dict[str, int]:
        return {name: self._rooms[name].version for name in rooms}

    def viewers(self, topics: Collection[str]) -> set[View]:
        """As `presence.viewing.viewers`; from any thread."""
        now = self._clock()
        return {
            (user, topic)
            for lease in tuple(self._leases.values())  # copied in one step, against other threads
            if lease.until > now
            for topic in topics
            for user, _ in tuple(lease.views.get(topic, ()))
        }

    async def close(self) -> None:
        pass

    def _lease(self, process: str) -> _Lease:
        lease = self._leases.get(process)
        if lease is None or lease.until <= self._clock():
            raise LeaseLost
        return lease

    def _apply(self, lease: _Lease, change: Change) -> None:
        match change:
            case SetViewing():
                self._set_viewing(lease, change)
                return
            case Join() | SetVisibility() if change.visibility:
                known = self._visibility.get(change.user, 0)
                self._visibility[change.user] = max(known, change.visibility)
        for room in change.rooms:
            match change:
                case Join(connection, user):
                    self._join(lease, (room, user, connection), change.away)
                case Leave(connection, user):
                    self._drop(lease, (room, user, connection))
                case SetAway(connection, user):
                    self._set_away(lease, (room, user, connection), change.away)
                case SetVisibility(user):
                    self._settle(room, user, patient=False)

    @staticmethod
    def _set_viewing(lease: _Lease, change: SetViewing) -> None:
        view = change.user, change.connection
        if change.viewing:
            lease.views.setdefault(change.topic, set()).add(view)
        elif views := lease.views.get(change.topic):
            views.discard(view)
            if not views:
                del lease.views[change.topic]

    def _join(self, lease: _Lease, entry: Entry, away: bool) -> None:
        if entry in lease.entries:
            return
        lease.entries[entry] = away
        room, user, _ = entry
        self._rooms[room].connections[user] += 1
        self._rooms[room].away[user] += away
        self._settle(room, user, patient=True)

    def _set_away(self, lease: _Lease, entry: Entry, away: bool) -> None:
        if lease.entries.get(entry, away) == away:
            return
        lease.entries[entry] = away
        room, user, _ = entry
        self._rooms[room].away[user] += 1 if away else -1
        self._settle(room, user, patient=False)

    def _drop(self, lease: _Lease, entry: Entry) -> None:
        if entry not in lease.entries:
            return
        away = lease.entries.pop(entry)
        name, user, _ = entry
        room = self._rooms[name]
        room.away[user] -= away
        room.connections[user] -= 1
        if not room.connections[user]:
            del room.connections[user], room.away[user]
        self._settle(name, user, patient=True)

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
        users = heapq.nsmallest(limit + 1, room.shows)
        people = {user: room.shows[user] for user in users[:limit]}
        return Roster(name, room.version, len(room.shows), people, len(users) > limit)


_RANK = {State.OFFLINE: 0, State.AWAY: 1, State.ONLINE: 2}
