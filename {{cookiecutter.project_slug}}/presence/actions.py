"""What changes presence in the database, and what other apps tell presence."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from presence.frames import HERE, own_group, room_topic
from presence.models import Presence
from realtime.delivery.publishing import dismiss, publish
from realtime.protocol import CloseCode


@transaction.atomic
def choose_visibility(user_id: int, *, hidden: bool) -> int:
    """Let a person appear offline, or as they are; return their `visibility`."""
    Presence.objects.get_or_create(user_id=user_id)
    presence = Presence.objects.select_for_update().get(user_id=user_id)
    if presence.hidden != hidden:
        presence.visibility += 1
        presence.save(update_fields=["visibility"])
        publish(HERE, "visibility.changed", {"hidden": hidden}, group=own_group(user_id))
    return presence.visibility


@transaction.atomic
def record_last_seen(seen: Mapping[int, datetime]) -> None:
    """Save when people were last seen. Users who have been deleted are skipped."""
    existing = User.objects.filter(pk__in=seen).values_list("pk", flat=True)
    Presence.objects.bulk_create(
        [Presence(user_id=user_id, last_seen=seen[user_id]) for user_id in sorted(existing)],
        update_conflicts=True,
        unique_fields=["user"],
        update_fields=["last_seen"],
    )


def rooms_changed(user_id: int, **kwargs: Any) -> None:  # Any: whatever a signal sends
    """A person may have joined or left rooms: on commit, their connections read them anew."""
    publish(HERE, "rooms.changed", {}, group=own_group(user_id))


def room_left(user_id: int, key: str, **kwargs: Any) -> None:  # Any: as above
    """A person has left the room `key`: on commit, they neither hear it nor are shown in it."""
    dismiss(room_topic(key), user_id, CloseCode.FORBIDDEN, "You are not in this room any more.")
