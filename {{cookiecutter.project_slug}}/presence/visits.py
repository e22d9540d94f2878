"""One connection's presence, as its own process wants it to be."""

from collections.abc import Iterable
from uuid import uuid4

from presence.stores.interface import Join


class Visit:
    """A person's connection and the rooms that it counts in."""

    __slots__ = ("away", "connection", "rooms", "user", "visibility")

    def __init__(
        self, user: int, rooms: Iterable[str] = (), *, away: bool = False, visibility: int = 0
    ) -> None:
        self.connection = uuid4().hex[:16]
        self.user = user
        self.rooms = set(rooms)
        self.away = away
        self.visibility = visibility

    def as_join(self, rooms: Iterable[str] | None = None) -> Join:
        """The change that puts the visit into `rooms`; into all of its own by default."""
        chosen = self.rooms if rooms is None else rooms
        return Join(self.connection, self.user, tuple(chosen), self.away, self.visibility)
