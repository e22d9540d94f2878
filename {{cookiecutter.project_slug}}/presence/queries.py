"""What presence reads from the database."""

from collections.abc import Collection
from datetime import datetime

from accounts.models import Person, User
from presence.models import Presence
from realtime.database import in_database


def people_by_id(user_ids: Collection[int]) -> dict[int, Person]:
    """Those of the users who exist, as frames show them."""
    return {user.pk: user.as_person() for user in User.objects.filter(pk__in=user_ids)}


def last_seen_by_id(user_ids: Collection[int]) -> dict[int, datetime]:
    """When people were last seen; without those who never were."""
    seen = Presence.objects.filter(pk__in=user_ids, last_seen__isnull=False)
    return {user_id: at for user_id, at in seen.values_list("pk", "last_seen") if at}


def visibility_of(user_id: int) -> int:
    """How often a person changed whether they appear (see `Presence.visibility`)."""
    return _visibilities([user_id]).get(user_id, 0)


async def read_visibilities(user_ids: Collection[int]) -> dict[int, int]:
    """`visibility_of` several people; without those who never changed it."""
    return await in_database(_visibilities, user_ids)


def _visibilities(user_ids: Collection[int]) -> dict[int, int]:
    changed = Presence.objects.filter(pk__in=user_ids, visibility__gt=0)
    return dict(changed.values_list("pk", "visibility"))
