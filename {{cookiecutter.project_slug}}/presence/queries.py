"""What presence reads from the database."""

from collections.abc import Collection
from datetime import datetime

from accounts.models import Person, User
from presence.models import Presence


def people_by_id(user_ids: Collection[int]) -> dict[int, Person]:
    """Those of the users who exist, as frames show them."""
    return {user.pk: user.as_person() for user in User.objects.filter(pk__in=user_ids)}


def last_seen_by_id(user_ids: Collection[int]) -> dict[int, datetime]:
    """When people were last seen; without those who never were."""
    seen = Presence.objects.filter(pk__in=user_ids, last_seen__isnull=False)
    return {user_id: at for user_id, at in seen.values_list("pk", "last_seen") if at}


def visibilities_by_id(user_ids: Collection[int]) -> dict[int, int]:
    """How often people changed whether they appear (see `Presence.visibility`).

    Those who never did are left out.
    """
    changed = Presence.objects.filter(pk__in=user_ids, visibility__gt=0)
    return dict(changed.values_list("pk", "visibility"))
