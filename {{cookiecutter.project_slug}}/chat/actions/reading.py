"""Reading: how far a person has come in a room."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import transaction

from accounts.models import User
from chat.models import Membership, Room, room_list_topic
from realtime.delivery.publishing import Event, publish, publish_many
from realtime.protocol import ErrorCode, Refusal

READ_SHOWN_MEMBERS = 50
"""In a larger room, telling everybody how far everybody has read would drown the messages."""


class Reading(NamedTuple):
    """A person has read a room up to the message `seq`."""

    room_id: int
    user_id: int
    seq: int


def mark_read(room: Room, user: User, *, seq: int) -> int:
    """Move a person's place in the room forward to `seq`; it never moves back.

    Returns the place where they are now.

    Raises:
        Refusal: `forbidden`, not a member.
    """
    (place,) = mark_readings([Reading(room.pk, user.pk, seq)])
    if isinstance(place, Refusal):
        raise place
    return place


def mark_readings(readings: Sequence[Reading]) -> list[int | Refusal]:
    """Move the places of many, as of all who have just seen a message, in one transaction.

    Returns for each reading in turn where its person is now, or the `Refusal` of `mark_read`.
    """
    with transaction.atomic():
        memberships = _locked(readings)
        before = {pk: membership.last_read for pk, membership in memberships.items()}
        places = [_move(memberships.get((each.room_id, each.user_id)), each) for each in readings]
        _save([each for key, each in memberships.items() if each.last_read > before[key]])
    return places


def _locked(readings: Sequence[Reading]) -> dict[tuple[int, int], Membership]:
    """By room and user. Locked in the order of their keys, so that nobody waits in a circle."""
    memberships = (
        Membership.objects.select_for_update(no_key=True, of=("self",))
        .filter(
            room__in={reading.room_id for reading in readings},
            user__in={reading.user_id for reading in readings},
        )
        .select_related("room")
        .order_by("pk")
    )
    return {(each.room_id, each.user_id): each for each in memberships}


def _move(membership: Membership | None, reading: Reading) -> int | Refusal:
    if membership is None:
        return Refusal(ErrorCode.FORBIDDEN, "You are not a member of this room.")
    seq = min(reading.seq, membership.room.last_rev)
    membership.last_read = max(seq, membership.last_read)
    return membership.last_read


def _save(moved: list[Membership]) -> None:
    """Write and tell the new places: most people of a room are at the same one, its end."""
    for seq in {membership.last_read for membership in moved}:
        there = [membership.pk for membership in moved if membership.last_read == seq]
        Membership.objects.filter(pk__in=there).update(last_read=seq)
    for room in {membership.room for membership in moved}:
        reads = [
            {"user_id": each.user_id, "seq": each.last_read}
            for each in moved
            if each.room_id == room.pk
        ]
        if room.memberships.all()[: READ_SHOWN_MEMBERS + 1].count() <= READ_SHOWN_MEMBERS:
            for read in reads:
                publish(room.topic, "read", read)
        else:
            events = (Event(room_list_topic.group(each["user_id"]), "read", each) for each in reads)
            publish_many(room.topic, events)
