"""Reading: how far a person has come in a room."""

from django.db import transaction

from accounts.models import User
from chat import announcements
from chat.models import Membership, Room
from chat.queries import membership_of

READ_SHOWN_MEMBERS = 50
"""In a larger room, telling everybody how far everybody has read would drown the messages."""


def mark_read(room: Room, user: User, *, seq: int) -> int:
    """Move a person's place in the room forward to `seq`; it never moves back.

    Returns the place where they are now.

    Raises:
        Refusal: `forbidden`, not a member.
    """
    membership = membership_of(user, room)
    seq = min(seq, membership.room.last_rev)
    with transaction.atomic():
        moved = Membership.objects.filter(pk=membership.pk, last_read__lt=seq).update(last_read=seq)
        if moved:
            announce = announcements.read if _is_small(room) else announcements.read_privately
            announce(room, user, seq)
    return max(seq, membership.last_read)


def _is_small(room: Room) -> bool:
    return room.memberships.all()[: READ_SHOWN_MEMBERS + 1].count() <= READ_SHOWN_MEMBERS
