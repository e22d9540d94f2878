"""The verbs of presence: the only code that writes, and what other apps call."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from accounts.models import User
from presence.models import Presence
from presence.topics import HERE, own_group, room_topic
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
    """Keep when people were last seen; those who were deleted meanwhile are passed over."""
    existing = User.objects.filter(pk__in=seen).values_list("pk", flat=True)
    Presence.objects.bulk_create(
        [Presence(user_id=user_id, last_seen=seen[user_id]) for user_id in sorted(existing)],
        update_conflicts=True,
        unique_fields=["user"],
        update_fields=["last_seen"],
    )


def rooms_changed(user_id: int) -> None:
    """A person may be in other rooms than before: their connections are told on commit, and ask."""
    publish(HERE, "rooms.changed", {}, group=own_group(user_id))


def room_left(user_id: int, room: str) -> None:
    """A person is in `room` no longer: nobody sees them there, nor do they see it, on commit."""
    dismiss(room_topic(room), user_id, CloseCode.FORBIDDEN, "You are not in this room any more.")
