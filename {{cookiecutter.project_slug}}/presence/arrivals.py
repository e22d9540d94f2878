"""What a connection is counted by: its person's rooms, and whether they appear in them.

Of all who come at once, as after a restart, it is read in the queries of one.
"""

from collections.abc import Sequence
from typing import NamedTuple

from presence.queries import visibilities_by_id
from presence.rooms import registered
from realtime.batching import Batcher

ROOMS_FOLLOWED = 100  # by one connection
MOST_WAITING = 20_000  # connections; beyond them more are turned away for a moment


class Arrival(NamedTuple):
    rooms: set[str]
    visibility: int


async def read_arrival(user_id: int) -> Arrival:
    """A person's rooms and visibility, as they are after the call began."""
    return await _arrivals.submit(user_id)


def _read(user_ids: Sequence[int]) -> list[Arrival | Exception]:
    rooms = registered().rooms_of(set(user_ids))
    visibilities = visibilities_by_id(set(user_ids))
    return [
        Arrival(set(rooms.get(user_id, [])[:ROOMS_FOLLOWED]), visibilities.get(user_id, 0))
        for user_id in user_ids
    ]


_arrivals: Batcher[int, Arrival] = Batcher(_read, most_waiting=MOST_WAITING)
