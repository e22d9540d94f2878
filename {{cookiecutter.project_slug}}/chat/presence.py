"""Chat's rooms as presence knows them: members see each other there."""

from collections import defaultdict
from collections.abc import Collection

from chat.models import Membership, Room
from presence import rooms


class ChatRooms:
    """See `presence.rooms.Rooms`."""

    def rooms_of(self, user_ids: Collection[int]) -> dict[int, list[str]]:
        """The slugs of each person's rooms, the latest that they came into first."""
        slugs: dict[int, list[str]] = defaultdict(list)
        memberships = Membership.objects.filter(user__in=user_ids).order_by("-joined_at", "-pk")
        for user_id, slug in memberships.values_list("user", "room__slug"):
            slugs[user_id].append(slug)
        return slugs

    def members_among(self, room: str, user_ids: Collection[int]) -> set[int]:
        members = Membership.objects.filter(room__slug=room, user__in=user_ids)
        return set(members.values_list("user", flat=True))

    def exists(self, room: str) -> bool:
        return Room.objects.filter(slug=room).exists()

    def who_shares_a_room(self, user_id: int, others: Collection[int]) -> set[int]:
        together = Membership.objects.filter(
            user__in=others, room__memberships__user=user_id
        ).distinct()
        return set(together.values_list("user", flat=True))


def register_rooms() -> None:
    rooms.register(ChatRooms())
