"""Joining a room's topic: of all who come at once, as after a restart, in the queries of one.

Whoever joins is subscribed already: what is published from now on is heard, and what was before
is in the rows.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from accounts.models import User
from chat import actions, queries
from chat.inbox import named_for
from chat.models import Membership, Room
from chat.wire import Welcome, reader_data, room_data
from realtime.protocol import ErrorCode, Refusal


class Arrival(NamedTuple):
    """Someone who joins a room."""

    slug: str
    user: User


class Joined(NamedTuple):
    """What an arrival is sent. The room's `last_rev` is the head that goes with it."""

    room: Room
    welcome: Welcome


def join(arrivals: Sequence[Arrival]) -> list[Joined | Exception]:
    """Let each arrival in, if they may enter; see `actions.enter`. One's refusal is their own."""
    rooms = {room.slug: room for room in Room.objects.filter(slug__in={a.slug for a in arrivals})}
    memberships = Membership.objects.filter(
        room__in=rooms.values(), user__in={arrival.user.pk for arrival in arrivals}
    ).select_related("user")
    yours = {(membership.room_id, membership.user_id): membership for membership in memberships}
    members = cache(queries.members_shown)

    def joined(arrival: Arrival) -> Joined:
        user = arrival.user
        room = rooms.get(arrival.slug)
        if room is None:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such room.")
        you = yours.get((room.pk, user.pk)) or actions.enter(room, user)
        shown, count = members(room)
        about = room_data(named_for(user, room))
        return Joined(room, Welcome(str(room.epoch), about, reader_data(you), shown, count))

    return [_or_refusal(joined, arrival) for arrival in arrivals]


def _or_refusal(joined: Callable[[Arrival], Joined], arrival: Arrival) -> Joined | Refusal:
    try:
        return joined(arrival)
    except Refusal as refusal:
        return refusal
