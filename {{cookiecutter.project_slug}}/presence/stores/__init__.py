"""What presence asks of a store; Redis and the process's own memory are the two that there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import uuid4

from msgspec import Struct, field

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


class Visit(Struct, frozen=True, omit_defaults=True):
    """A person's connection as it is now: the rooms that it counts in and the topic that it views.

    A change is a new visit with the same `connection`, by `msgspec.structs.replace`.
    """

    user: int
    rooms: frozenset[str] = frozenset()
    away: bool = False
    viewing: str | None = None
    visibility: int = 0
    """How often the person changed whether they appear: at an odd count they appear offline. The
    higher of two counts is the newer one, whatever order they arrive in."""
    ended: bool = False
    """Whether the connection is closed: it counts in none of its rooms any more."""
    connection: str = field(default_factory=lambda: uuid4().hex[:16])


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


class Swept(NamedTuple):
    """The result of one sweep."""

    more: bool
    """Whether it stopped at its limit, so more may be due."""
    wake: bool
    """Whether there is something new to announce."""


class LeaseLost(Exception):
    """The lease has expired: the process must put its visits again, under a new name."""


class StoreUnavailable(Refusal):
    """The store did not answer; the change may or may not have been made."""

    def __init__(self, cause: str) -> None:
        detail = "Presence is not available just now. Try again in a moment."
        super().__init__(ErrorCode.UNAVAILABLE, detail, retry_after=1)
        self.cause = cause


class Store(Protocol):
    """Who is in which room and views which topic, as reported by processes that hold a lease each.

    A person is in a room from their first connection until `grace` after their last one. A process
    whose lease expires loses its visits. Every change takes effect at once and is announced after
    `window`, together with the room's other changes. A room's version only rises, even when the
    store has lost all its data. Viewing is not announced.

    All methods raise `StoreUnavailable`.
    """

    timing: Timing

    async def open(self, process: str) -> None:
        """Begin the lease of `process`, a name never used before."""

    async def beat(self, process: str) -> int:
        """Renew a lease; return how many visits the store has under it.

        Raises:
            LeaseLost: it has expired.
        """

    async def put(self, process: str, visits: Sequence[Visit]) -> bool:
        """Replace, in order, what is known of these connections; idempotent.

        Returns:
            Whether there is something new to announce.

        Raises:
            LeaseLost: the lease has expired, and nothing was changed.
        """

    async def release(self, process: str) -> None:
        """End a lease now, and its visits with it."""

    async def sweep(self, limit: int) -> Swept:
        """Remove the visits of expired leases, and people whose grace has expired.

        Args:
            limit: about how many people to remove from rooms in this call, at most.
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

    async def close(self) -> None:
        """Close connections to the store."""
