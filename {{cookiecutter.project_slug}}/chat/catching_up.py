"""Catching up: what has changed in a room since a client was there.

Of all who ask at once, as after a restart or a gap, it is read in the queries of one.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chat import queries
from chat.models import Membership, Room
from chat.wire import Changes, MessageData, Reset
from realtime.consumers import Reply
from realtime.protocol import ErrorCode, Refusal

CHANGES_MESSAGES = 50
"""A frame of changes carries at most so many: so many are loaded, however long they are."""

FEW_CHANGES = 20
"""Whoever missed no more is answered from what is read for all of them together."""


class Since(NamedTuple):
    """What a client has of a room: all up to the revision `rev`, of the run of numbers `epoch`."""

    rev: int
    epoch: str


class Place(NamedTuple):
    """Where someone is in a room."""

    room_id: int
    user_id: int
    since: Since


class CatchUp(NamedTuple):
    """A frame of what a client has missed, and where it leads, if there is more."""

    frame: Reply
    then: Since | None = None


def catch_up(places: Sequence[Place]) -> list[CatchUp | Exception]:
    """The first frame that leads on from each place; whoever is no member there is refused.

    The rooms' heads are read before the rows, so that they promise nothing that the rows lack.
    """
    rooms = Room.objects.in_bulk({place.room_id for place in places})
    memberships = Membership.objects.filter(
        room__in=rooms, user__in={place.user_id for place in places}
    )
    members = set(memberships.values_list("room", "user"))
    missed = Missed((rooms[each.room_id], each.since) for each in places if each.room_id in rooms)

    def caught_up(place: Place) -> CatchUp | Refusal:
        if (place.room_id, place.user_id) not in members:
            return Refusal(ErrorCode.FORBIDDEN, "You are not a member of this room.")
        return missed.first_frame(rooms[place.room_id], place.since)

    return [caught_up(place) for place in places]


class Missed:
    """The changes after some places: all that are few in one go, the others when asked for."""

    def __init__(self, places: Iterable[tuple[Room, Since]]) -> None:
        self._from: dict[int, int] = {}
        for room, (rev, _) in places:
            if 0 < room.last_rev - rev <= FEW_CHANGES:
                self._from[room.pk] = min(self._from.get(room.pk, rev), rev)
        self._few = queries.changes_in_rooms(self._from)
        self._pages: dict[tuple[int, int], queries.Page] = {}  # many come back from the same place

    def first_frame(self, room: Room, since: Since) -> CatchUp:
        """The frame that leads on from one of the places; with a reset if it is not of this run."""
        epoch = str(room.epoch)
        if epoch != since.epoch or not 0 <= since.rev <= room.last_rev:
            return CatchUp(Reply("reset", Reset(epoch), room.last_rev))
        messages, more = self._page(room, since.rev)
        latest = messages[-1].rev if messages else since.rev
        rev = latest if more else max(latest, room.last_rev)
        frame = Reply("changes", Changes(epoch, messages, more), rev)
        return CatchUp(frame, Since(rev, epoch) if more else None)

    def _page(self, room: Room, since: int) -> queries.Page:
        if since == room.last_rev:
            return queries.Page([], more=False)
        if (room.pk, since) not in self._pages:
            self._pages[room.pk, since] = self._read(room, since)
        return self._pages[room.pk, since]

    def _read(self, room: Room, since: int) -> queries.Page:
        if since < self._from.get(room.pk, room.last_rev):
            return queries.changes_since(room, since, CHANGES_MESSAGES)
        few: list[MessageData] = [each for each in self._few[room.pk] if each.rev > since]
        return queries.page_of(few, CHANGES_MESSAGES)
