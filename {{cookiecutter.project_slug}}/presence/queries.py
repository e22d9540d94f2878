"""What presence reads from the database and from the topics that show presence.

Reads that a crowd makes at once, as after a restart, are done in the queries of one.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from accounts.models import Person, User
from presence.models import Presence
from realtime.batching import Batcher
from realtime.topics import registered

ROOMS_JOINED = 100  # by one connection


class JoinRequest(NamedTuple):
    """What a connection needs to know of its person to be counted."""

    rooms: frozenset[str]
    visibility: int


def rooms_of(user_ids: Collection[int]) -> dict[int, list[str]]:
    """The rooms of each person: the keys of topics that show presence, latest joined first."""
    rooms: dict[int, list[str]] = defaultdict(list)
    names: dict[str, str] = {}  # a copy of each for every person would take more memory
    for topic in registered():
        if topic.shows_presence:
            for user_id, keys in topic.keys_of(user_ids).items():
                rooms[user_id] += [names.setdefault(key, key) for key in keys]
    return rooms


def people_by_id(user_ids: Collection[int]) -> dict[int, Person]:
    """The users who exist, as frames show them."""
    return {user.pk: user.as_person() for user in User.objects.filter(pk__in=user_ids)}


def last_seen_by_id(user_ids: Collection[int]) -> dict[int, datetime]:
    """When people were last seen; without those who never were."""
    seen = Presence.objects.filter(pk__in=user_ids, last_seen__isnull=False)
    return {user_id: at for user_id, at in seen.values_list("pk", "last_seen") if at}


def visibilities_by_id(user_ids: Collection[int]) -> dict[int, int]:
    """Each person's `Presence.visibility`, without those who never changed it."""
    changed = Presence.objects.filter(pk__in=user_ids, visibility__gt=0)
    return dict(changed.values_list("pk", "visibility"))


def read_join_requests(user_ids: Sequence[int]) -> list[JoinRequest]:
    """What the connections of these people need to know now, in their order."""
    rooms = rooms_of(set(user_ids))
    visibilities = visibilities_by_id(set(user_ids))
    return [
        JoinRequest(frozenset(rooms.get(user_id, [])[:ROOMS_JOINED]), visibilities.get(user_id, 0))
        for user_id in user_ids
    ]


def _read_people(wanted: Sequence[Collection[int]]) -> list[dict[int, Person] | Exception]:
    people = people_by_id({user_id for user_ids in wanted for user_id in user_ids})
    return [people] * len(wanted)


join_requests: Batcher[int, JoinRequest] = Batcher(read_join_requests)
people_in_rosters: Batcher[Collection[int], dict[int, Person]] = Batcher(_read_people)
"""As `people_by_id`; may give other people too."""
