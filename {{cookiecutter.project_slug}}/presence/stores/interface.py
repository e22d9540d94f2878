"""What presence asks of a store, whichever one keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from realtime.protocol import ErrorCode, Refusal


class State(StrEnum):
    ONLINE = "online"
    AWAY = "away"
    OFFLINE = "offline"


class Timing(Struct, frozen=True, forbid_unknown_fields=True, rename=str.upper):
    """Presence's durations: `settings.PRESENCE`, the same for every process."""

    lease_seconds: float = 30
    """How long a process that fell silent still counts as running."""
    beat_seconds: float = 10
    """How often a process renews its lease; two lost beats are no harm."""
    grace_seconds: float = 3
    """How long a person may be between two connections, as in a page reload, unnoticed."""
    window_seconds: float = 0.2
    """How long a room's changes are gathered into one announcement."""
    sweep_seconds: float = 1
    """How often a process looks for what is due, and for processes that fell silent."""


@dataclass(frozen=True, slots=True)
class Join:
    """A connection is in `rooms` from now on.

    `visibility` counts how often its person changed whether they appear: at an odd count they
    appear offline. Of two counts the higher one is the newer, in whatever order they arrive.
    """

    connection: str
    user: int
    rooms: Sequence[str]
    away: bool = False
    visibility: int = 0


@dataclass(frozen=True, slots=True)
class Leave:
    """A connection is no longer in `rooms`."""

    connection: str
    user: int
    rooms: Sequence[str]


@dataclass(frozen=True, slots=True)
class Turn:
    """A connection that is in `rooms` turns away, or back."""

    connection: str
    user: int
    rooms: Sequence[str]
    away: bool


@dataclass(frozen=True, slots=True)
class Appear:
    """A person begins or ceases to appear offline (see `Join`), in `rooms` at once."""

    user: int
    rooms: Sequence[str]
    visibility: int


Change = Join | Leave | Turn | Appear


@dataclass(frozen=True, slots=True)
class Roster:
    """A part of the people who are in a room, by ascending id."""

    room: str
    version: int
    size: int
    """How many people the whole roster has."""
    people: Mapping[int, State]
    more: bool
    """Whether there are people after these."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """The step that brings a room to `version`: the new state of whoever changed."""

    room: str
    version: int
    at: float
    """The store's clock: seconds since 1970."""
    size: int
    """How many people the whole roster has now."""
    people: Mapping[int, State]


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep found."""

    more: bool
    """Whether as much again may be due already."""
    stirred: bool
    """Whether there is something new to announce."""
    quiet: bool
    """Whether nobody is about to leave and nothing waits to be announced."""


class LeaseLost(Exception):
    """The process was taken for dead: its connections must join again, under a new name."""


class StoreUnavailable(Refusal):
    """The store did not answer; what was asked of it may or may not have been done."""

    def __init__(self, cause: str) -> None:
        detail = "Who is here cannot be told just now. Try again in a moment."
        super().__init__(ErrorCode.UNAVAILABLE, detail, retry_after=1)
        self.cause = cause


class Store(Protocol):
    """Who is in which room, told by processes that each hold a lease.

    A person is in a room from their first connection until `grace` after their last one; a process
    whose lease runs out loses its connections. Every change takes effect at once and is announced
    after `window`, together with the others of its room. Rooms have versions that only rise, even
    when the store has lost everything.

    Doing a change twice is doing it once. All methods raise `StoreUnavailable`.
    """

    timing: Timing

    async def open(self, process: str) -> None:
        """Begin the lease of `process`, a name never used before."""

    async def beat(self, process: str) -> int:
        """Renew a lease; return how many (connection, room) pairs the store has under it.

        Raises:
            LeaseLost: it has run out.
        """

    async def apply(self, process: str, changes: Sequence[Change]) -> bool:
        """Make `changes`, in order; return whether there is something new to announce.

        Raises:
            LeaseLost: the lease has run out, and nothing was changed.
        """

    async def release(self, process: str) -> None:
        """End a lease now; the connections under it are gone."""

    async def sweep(self, limit: int) -> Swept:
        """Take leave of processes that fell silent and of people whose grace is over.

        Args:
            limit: the most connections and people that one call deals with.
        """

    async def announce(self, limit: int) -> list[Announcement]:
        """Take what is due to be announced; nobody else is given it.

        Args:
            limit: the most people in one announcement; there may be several of one room.
        """

    async def rosters(self, rooms: Sequence[str], *, after: int = 0, limit: int) -> list[Roster]:
        """Each room's next `limit` people whose id is above `after`."""

    async def states(self, rooms: Sequence[str], users: Sequence[int]) -> dict[int, State]:
        """The state of each of `users` as it shows in any of `rooms`."""

    async def versions(self, rooms: Sequence[str]) -> dict[str, int]:
        """The version that each room stands at."""

    async def close(self) -> None:
        """Let go of connections to the store."""
