"""The visits that a store is told of, and what it answers: Redis, or the process's own memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import uuid4

from django.utils.translation import gettext as _
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

    @property
    def more(self) -> bool:
        """Whether there are people after these."""
        return self.size > len(self.people)


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
        detail = _("Presence is not available just now. Try again in a moment.")
        super().__init__(ErrorCode.UNAVAILABLE, detail, retry_after=1)
        self.cause = cause
