"""What presence asks of a store; Redis and the process's own memory are the two that there are."""

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
    """How long a process counts as running after its last beat."""
    beat_seconds: float = 10
    """How often a process renews its lease, so that it survives two lost beats."""
    grace_seconds: float = 3
    """How long a person stays online without a connection, as during a page reload."""
    window_seconds: float = 0.2
    """How long a room's changes are collected into one announcement."""
    sweep_seconds: float = 1
    """How often a process looks for expired leases and graces."""


View = tuple[int, str]
"""A person, by id, and the topic that one of their connections shows them."""


@dataclass(frozen=True, slots=True)
class Join:
    """A connection is in `rooms` from now on.

    `visibility` counts how often its person changed whether they appear: at an odd count they
    appear offline. The higher of two counts is the newer one, whatever order they arrive in.
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
class SetAway:
    """A connection that is in `rooms` is away, or no longer away."""

    connection: str
    user: int
    rooms: Sequence[str]
    away: bool


@dataclass(frozen=True, slots=True)
class SetVisibility:
    """A person appears offline in `rooms`, or no longer does (see `Join`)."""

    user: int
    rooms: Sequence[str]
    visibility: int


@dataclass(frozen=True, slots=True)
class SetViewing:
    """A connection shows `topic` to its person, or no longer does; it may show several."""

    connection: str
    user: int
    topic: str
    viewing: bool


Change = Join | Leave | SetAway | SetVisibility | SetViewing


@dataclass(frozen=True, slots=True)
class Roster:
    """The first people of a room, by ascending id."""

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
    """The result of one sweep."""

    more: bool
    """Whether it stopped at its limit, so more may be due."""
    wake: bool
    """Whether there is something new to announce."""
    quiet: bool
    """Whether no grace is running and nothing waits to be announced."""


class LeaseLost(Exception):
    """The lease has expired: the process's connections must join again, under a new name."""


class StoreUnavailable(Refusal):
    """The store did not answer; the change may or may not have been made."""

    def __init__(self, cause: str) -> None:
        detail = "Presence is not available just now. Try again in a moment."
        super().__init__(ErrorCode.UNAVAILABLE, detail, retry_after=1)
        self.cause = cause


class Store(Protocol):
    """Who is in which room and views which topic, as reported by processes that hold a lease each.

    A person is in a room from their first connection until `grace` after their last one. A process
    whose lease expires loses its connections. Every change takes effect at once and is announced
    after `window`, together with the room's other changes. A room's version only rises, even when
    the store has lost all its data. Viewing is not announced.

    Every change is idempotent. All methods raise `StoreUnavailable`.
    """

    timing: Timing

    async def open(self, process: str) -> None:
        """Begin the lease of `process`, a name never used before."""

    async def beat(self, process: str) -> int:
        """Renew a lease; return how many entries the store has under it.

        An entry is a connection in a room, or a connection's view of a topic.

        Raises:
            LeaseLost: it has expired.
        """

    async def apply(self, process: str, changes: Sequence[Change]) -> bool:
        """Make `changes`, in order; return whether there is something new to announce.

        Raises:
            LeaseLost: the lease has expired, and nothing was changed.
        """

    async def release(self, process: str) -> None:
        """End a lease now; its connections are gone."""

    async def sweep(self, limit: int) -> Swept:
        """Remove the connections of expired leases, and people whose grace has expired.

        Args:
            limit: the most connections and people to remove in this call.
        """

    async def announce(self, limit: int) -> list[Announcement]:
        """Take the announcements that are due; each is given to one caller only.

        Args:
            limit: the most people in one announcement; a room may have several.
        """

    async def rosters(self, rooms: Sequence[str], *, limit: int) -> list[Roster]:
        """The first `limit` people of each room, by ascending id."""

    async def states(self, rooms: Sequence[str], users: Sequence[int]) -> dict[int, State]:
        """The state of each of `users` as it shows in any of `rooms`."""

    async def versions(self, rooms: Sequence[str]) -> dict[str, int]:
        """The current version of each room."""

    async def close(self) -> None:
        """Close connections to the store."""
