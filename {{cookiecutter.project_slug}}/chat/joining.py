"""Joining a room's topic: of all who come at once, as after a restart, in the queries of one.

Whoever joins is subscribed already: what is published from now on is heard, and what was before
is in the rows.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from msgspec import Raw, json

from accounts.models import User
from chat import actions, queries
from chat.catching_up import CatchUp, Missed, Since
from chat.inbox import named_for
from chat.models import Membership, Room
from chat.wire import Welcome, reader_data, room_data
from realtime.protocol import ErrorCode, Refusal


class Arrival(NamedTuple):
    """Someone who joins a room."""

    slug: str
    user: User
    since: Since | None
    """What they have of it, where they come back."""


class Joined(NamedTuple):
    """What an arrival is sent. The room's `last_rev` is the head that goes with it."""

    room: Room
    welcome: Welcome
    missed: CatchUp | None


def join(arrivals: Sequence[Arrival]) -> list[Joined | Exception]:
    """Let each arrival in, if they may enter; see `actions.enter`. One's refusal is their own."""
    rooms = {room.slug: room for room in Room.objects.filter(slug__in={a.slug for a in arrivals})}
    memberships = Membership.objects.filter(
        room__in=rooms.values(), user__in={arrival.user.pk for arrival in arrivals}
    )
    yours = {(membership.room_id, membership.user_id): membership for membership in memberships}
    shown = cache(_members_shown)
    missed = Missed(
        (rooms[each.slug], each.since) for each in arrivals if each.since and each.slug in rooms
    )

    def joined(arrival: Arrival) -> Joined:
        user, since = arrival.user, arrival.since
        room = rooms.get(arrival.slug)
        if room is None:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such room.")
        you = yours.get((room.pk, user.pk)) or actions.enter(room, user)
        you.user = user
        members, count = shown(room)
        about = room_data(named_for(user, room))
        welcome = Welcome(str(room.epoch), about, reader_data(you), members, count)
        return Joined(room, welcome, missed.first_frame(room, since) if since else None)

    return [_or_refusal(joined, arrival) for arrival in arrivals]


def _members_shown(room: Room) -> tuple[Raw, int]:
    members, count = queries.members_shown(room)
    return Raw(json.encode(members)), count


def _or_refusal(joined: Callable[[Arrival], Joined], arrival: Arrival) -> Joined | Refusal:
    try:
        return joined(arrival)
    except Refusal as refusal:
        return refusal
