"""Rooms as topics."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from django.urls import reverse

from accounts.models import User
from chat.inbox import named_for, rooms_of
from chat.models import Membership, Room
from realtime.topics import Pair, Topic


class RoomTopic(Topic):
    """The topic `chat:general` is the room with the slug `general`."""

    prefix = "chat"
    shows_presence = True

    def latest_revisions(self, keys: Collection[str]) -> Mapping[str, int]:
        return dict(Room.objects.filter(slug__in=keys).values_list("slug", "last_rev"))

    def hearers(self, pairs: Collection[Pair]) -> set[Pair]:
        members = Membership.objects.filter(
            room__slug__in={slug for slug, _ in pairs}, user__in={user for _, user in pairs}
        )
        return set(pairs) & set(members.values_list("room__slug", "user"))

    def keys_of(self, user_ids: Collection[int]) -> Mapping[int, Sequence[str]]:
        slugs: dict[int, list[str]] = defaultdict(list)
        memberships = Membership.objects.filter(user__in=user_ids).order_by("-joined_at", "-pk")
        for user_id, slug in memberships.values_list("user", "room__slug"):
            slugs[user_id].append(slug)
        return slugs

    def names_for(self, user_id: int, keys: Collection[str] | None = None) -> Mapping[str, str]:
        user = User(pk=user_id)
        if keys is None:
            return {room.slug: room.name for room in rooms_of(user)}
        memberships = Membership.objects.filter(user=user, room__slug__in=keys)
        rooms = [each.room for each in memberships.select_related("room")]
        return {room.slug: named_for(user, room).name for room in rooms}

    def link(self, key: str) -> str:
        return reverse("chat:room", args=[key])
