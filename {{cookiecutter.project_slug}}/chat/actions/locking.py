"""The room's row lock, which makes the order of numbers the order of commits."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import F

from chat.models import Room
from realtime.protocol import ErrorCode, Refusal


@contextmanager
def locked_rooms(room_ids: Collection[int]) -> Iterator[dict[int, Room]]:
    """A transaction that holds the row locks of some rooms; gives those that there are, by id.

    The locks last until the commit, so whoever takes a number has seen every lower one committed.
    Numbers taken with `next_rev` are saved at the end. Rows are locked in the order of their keys,
    so that two who want the same ones never wait for each other; `no_key` lets others refer to the
    rooms meanwhile. SQLite has one writer at a time and needs no row locks, but its transactions
    must begin as writers: see `transaction_mode` in the settings.
    """
    with transaction.atomic():
        rows = Room.objects.select_for_update(no_key=True).filter(pk__in=room_ids).order_by("pk")
        rooms = {room.pk: room for room in rows}
        before = {pk: room.last_rev for pk, room in rooms.items()}
        yield rooms
        _save({pk: room.last_rev - before[pk] for pk, room in rooms.items()})


@contextmanager
def locked(room: Room) -> Iterator[Room]:
    """The same for one room; gives it as it is under the lock.

    Raises:
        Refusal: `not_found`, the room is gone.
    """
    with locked_rooms([room.pk]) as rooms:
        if not rooms:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such room any more.")
        yield rooms[room.pk]


def next_rev(room: Room) -> int:
    """The number for one change to the messages of a room that is locked."""
    room.last_rev += 1
    return room.last_rev


def _save(taken: dict[int, int]) -> None:
    """Write how many numbers each room has given: in one query for all that gave as many."""
    for count in set(taken.values()) - {0}:
        rooms = Room.objects.filter(pk__in=[pk for pk in taken if taken[pk] == count])
        rooms.update(last_rev=F("last_rev") + count)
