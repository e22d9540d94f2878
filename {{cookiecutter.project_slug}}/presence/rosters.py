"""A room's roster as its people may read it."""

from presence.attendance import this_attendance
from presence.commands import PAGE_PEOPLE
from presence.queries import people_by_id
from presence.rooms import registered
from presence.wire import RosterPage, roster_page
from realtime.database import in_database
from realtime.protocol import ErrorCode, Refusal


async def check_may_follow(user_id: int, room: str) -> None:
    """
    Raises:
        Refusal: `not_found`, there is no such room; `forbidden`, this person is not in it.
    """
    await in_database(_check, user_id, room)


async def read_page(
    user_id: int, room: str, after: int = 0, limit: int = PAGE_PEOPLE
) -> RosterPage:
    """The next `limit` people of a roster whose id is above `after`.

    Raises:
        Refusal: as `check_may_follow`; `unavailable`, the store does not answer.
    """
    await check_may_follow(user_id, room)
    (roster,) = await this_attendance().store.rosters([room], after=after, limit=limit)
    return roster_page(roster, await in_database(people_by_id, roster.people.keys()))


def _check(user_id: int, room: str) -> None:
    if registered().may_follow(user_id, room):
        return
    if registered().exists(room):
        raise Refusal(ErrorCode.FORBIDDEN, "You are not in this room.")
    raise Refusal(ErrorCode.NOT_FOUND, "There is no such room.")
