"""The room's row lock, which makes the order of numbers the order of commits."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from chat.models import Room
from realtime.protocol import ErrorCode, Refusal


@contextmanager
def locked(room: Room) -> Iterator[Room]:
    """A transaction that holds the room's row lock; gives the room as it is under the lock.

    The lock lasts until the commit, so whoever takes a number has seen every lower one committed.
    Numbers taken with `next_rev` are saved at the end. `no_key` lets others refer to the room
    meanwhile. SQLite has one writer at a time and needs no row lock, but its transactions must
    begin as writers: see `transaction_mode` in the settings.

    Raises:
        Refusal: `not_found`, the room is gone.
    """
    with transaction.atomic():
        fresh = Room.objects.select_for_update(no_key=True).filter(pk=room.pk).first()
        if fresh is None:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such room any more.")
        last_rev = fresh.last_rev
        yield fresh
        if fresh.last_rev != last_rev:
            fresh.save(update_fields=["last_rev"])


def next_rev(room: Room) -> int:
    """The number for one change to the messages of a room that is locked."""
    room.last_rev += 1
    return room.last_rev
