"""A room's roster as its people may read it.

Of all who ask at once, the people and their right to ask are read in the queries of one.
"""

from collections.abc import Collection, Sequence
from functools import cache

from accounts.models import Person
from presence.arrivals import MOST_WAITING
from presence.commands import PAGE_PEOPLE
from presence.process import this_attendance
from presence.queries import people_by_id
from presence.rooms import registered
from presence.wire import RosterPage, roster_page
from realtime.batching import Batcher
from realtime.protocol import ErrorCode, Refusal


async def check_may_follow(user_id: int, room: str) -> None:
    """
    Raises:
        Refusal: `not_found`, there is no such room; `forbidden`, this person is not in it.
    """
    await _checks.submit((user_id, room))


async def read_page(
    user_id: int, room: str, after: int = 0, limit: int = PAGE_PEOPLE
) -> RosterPage:
    """The next `limit` people of a roster whose id is above `after`.

    Raises:
        Refusal: as `check_may_follow`; `unavailable`, the store does not answer.
    """
    await check_may_follow(user_id, room)
    (roster,) = await this_attendance().store.rosters([room], after=after, limit=limit)
    return roster_page(roster, await _people.submit(roster.people.keys()))


def _check(asked: Sequence[tuple[int, str]]) -> list[Exception | None]:
    """May these people, each by id, follow these rooms?"""
    people: dict[str, set[int]] = {}
    for user_id, room in asked:
        people.setdefault(room, set()).add(user_id)
    members = {room: registered().members_among(room, ids) for room, ids in people.items()}
    there_is = cache(registered().exists)
    return [
        None if user_id in members[room] else _refusal(there_is(room)) for user_id, room in asked
    ]


def _refusal(there_is: bool) -> Refusal:
    if there_is:
        return Refusal(ErrorCode.FORBIDDEN, "You are not in this room.")
    return Refusal(ErrorCode.NOT_FOUND, "There is no such room.")


def _read_people(wanted: Sequence[Collection[int]]) -> list[dict[int, Person] | Exception]:
    people = people_by_id({user_id for user_ids in wanted for user_id in user_ids})
    return [people] * len(wanted)


_checks: Batcher[tuple[int, str], None] = Batcher(_check, most_waiting=MOST_WAITING)
_people: Batcher[Collection[int], dict[int, Person]] = Batcher(
    _read_people, most_waiting=MOST_WAITING
)
