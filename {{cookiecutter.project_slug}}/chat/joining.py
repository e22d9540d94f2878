"""Joining a room's topic: of all who come at once, as after a restart, in the queries of one.

Two steps, with the subscription between them: what is published after it is heard, and what was
before it is in the rows of the second step.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from accounts.models import User
from chat import actions, queries
from chat.inbox import named_for
from chat.models import Membership, Room
from chat.wire import Changes, Reset, Welcome, reader_data, room_data
from realtime.consumers import Reply
from realtime.protocol import ErrorCode, Refusal

CHANGES_MESSAGES = 50
"""A frame of changes carries at most so many: so many are loaded, however long they are."""


class CatchUp(NamedTuple):
    """A frame of what a client has missed, and whether there is more."""

    frame: Reply
    more: bool


class Arrival(NamedTuple):
    """Someone who joins; `since` and `epoch` are their place in the room, if they come back."""

    user: User
    since: int | None
    epoch: str


class Joined(NamedTuple):
    """What an arrival is sent."""

    welcome: Welcome
    head: int
    missed: CatchUp | None


def enter(slug: str, users: Sequence[User]) -> list[Room | Exception]:
    """Let each user into the room, if they may; see `actions.enter`."""
    room = queries.room_by_slug(slug)
    members = set(room.memberships.filter(user__in=users).values_list("user", flat=True))
    return [room if user.pk in members else _newly_entered(room, user) for user in users]


def _newly_entered(room: Room, user: User) -> Room | Refusal:
    try:
        actions.enter(room, user)
    except Refusal as refusal:
        return refusal
    return room


def welcome(room: Room, arrivals: Sequence[Arrival]) -> list[Joined | Exception]:
    """What each arrival is sent. Whoever was removed since they entered is refused."""
    yours: dict[int, Membership] = {
        membership.user_id: membership
        for membership in room.memberships.filter(
            user__in=[arrival.user for arrival in arrivals]
        ).select_related("room", "user")
    }
    members = queries.members(room)
    shown = [reader_data(member) for member in members[: queries.MEMBERS_SHOWN]]
    count = len(shown) if len(shown) < queries.MEMBERS_SHOWN else members.count()
    missed = cache(catch_up)  # many come back from the same place

    def joined(arrival: Arrival) -> Joined | Exception:
        you = yours.get(arrival.user.pk)
        if you is None:
            return Refusal(ErrorCode.FORBIDDEN, "You are not a member of this room.")
        seen = named_for(arrival.user, you.room)
        return Joined(
            Welcome(str(seen.epoch), room_data(seen), reader_data(you), shown, count),
            seen.last_rev,
            None if arrival.since is None else missed(seen, arrival.since, arrival.epoch),
        )

    return [joined(arrival) for arrival in arrivals]


def catch_up(room: Room, since: int, epoch: str) -> CatchUp:
    """The first frame of what has changed in the room after the revision `since`.

    The room's head was read before the rows, so that it promises nothing that they do not have.
    """
    if epoch != str(room.epoch) or not 0 <= since <= room.last_rev:
        return CatchUp(Reply("reset", Reset(str(room.epoch)), room.last_rev), more=False)
    messages, more = queries.changes_since(room, since, CHANGES_MESSAGES)
    latest = messages[-1].rev if messages else since
    rev = latest if more else max(latest, room.last_rev)
    return CatchUp(Reply("changes", Changes(str(room.epoch), messages, more), rev), more)
