"""What presence must know of rooms, told to it by the app that has them."""

from collections.abc import Collection, Mapping
from typing import Protocol


class Rooms(Protocol):
    """Synchronous; called where the ORM may be used."""

    def rooms_of(self, user_ids: Collection[int]) -> Mapping[int, list[str]]:
        """The slugs of the rooms that each person is in, the most important first."""

    def members_among(self, room: str, user_ids: Collection[int]) -> set[int]:
        """Those of some people who are in the room, and so may see who is here."""

    def exists(self, room: str) -> bool:
        """Whether there is such a room."""

    def who_shares_a_room(self, user_id: int, others: Collection[int]) -> set[int]:
        """Those of `others` who are in a room together with this person."""


class _NoRooms:
    def rooms_of(self, user_ids: Collection[int]) -> Mapping[int, list[str]]:
        return {}

    def members_among(self, room: str, user_ids: Collection[int]) -> set[int]:
        return set()

    def exists(self, room: str) -> bool:
        return False

    def who_shares_a_room(self, user_id: int, others: Collection[int]) -> set[int]:
        return set()


_rooms: Rooms = _NoRooms()


def register(rooms: Rooms) -> None:
    """Let presence know of rooms; the app that has them calls this once, when it is ready."""
    global _rooms
    _rooms = rooms


def registered() -> Rooms:
    return _rooms
