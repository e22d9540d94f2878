"""A person's list of rooms, with what waits for them in each."""

from collections.abc import Iterable

from django.db.models import Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.models import Person, User
from chat.models import Membership, Mention, Message, Room
from chat.wire import LastMessage, RoomSummary

ROOMS_SHOWN = 100
UNREAD_COUNTED = 100  # a room with more shows as "99+"; counting on would only cost


class _Count(Subquery):
    """How many rows a query has."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def slugs_of(user: User, limit: int = ROOMS_SHOWN) -> list[str]:
    """Of the rooms that `rooms_of` lists, in its order, the slugs alone; one query."""
    return list(_latest_first(user)[:limit].values_list("room__slug", flat=True))


def rooms_of(user: User, limit: int = ROOMS_SHOWN) -> list[RoomSummary]:
    """The rooms that the user is in, the latest to be written in first; three queries."""
    others = _messages().filter(seq__gt=OuterRef("last_read")).exclude(author=user)
    mentions = Mention.objects.filter(
        user=user, message__room=OuterRef("room"), message__seq__gt=OuterRef("last_read")
    ).exclude(message__author=user)
    memberships = list(
        _latest_first(user)
        .select_related("room")
        .annotate(
            latest=Subquery(_messages().order_by("-seq").values("pk")[:1]),
            unread=_Count(others.order_by().values("pk")[:UNREAD_COUNTED]),
            mentioned=Exists(mentions),
        )[:limit]
    )
    last_messages = _last_messages(row.latest for row in memberships)
    people = _other_people(user, [row.room for row in memberships])
    return [
        RoomSummary(
            slug=row.room.slug,
            name=people[row.room_id]["name"] if row.room_id in people else row.room.name,
            kind=row.room.kind,
            rev=row.room.last_rev,
            unread=row.unread,
            mentioned=row.mentioned,
            last_message=last_messages.get(row.room_id),
            person=people.get(row.room_id),
        )
        for row in memberships
    ]


def named_for(user: User, room: Room) -> Room:
    """The room with the name that the user knows it by: a direct room has the other person's."""
    if room.is_direct:
        person = _other_people(user, [room]).get(room.pk)
        room.name = person["name"] if person else "Nobody"
    return room


def _messages() -> QuerySet[Message]:
    """For a subquery: those of a membership's room."""
    return Message.objects.filter(room=OuterRef("room"), deleted_at=None)


def _latest_first(user: User) -> QuerySet[Membership]:
    spoken_at = Subquery(_messages().order_by("-seq").values("created_at")[:1])
    memberships = Membership.objects.filter(user=user)
    active_at = Coalesce(spoken_at, F("joined_at"))
    return memberships.annotate(active_at=active_at).order_by("-active_at", "-pk")


def _last_messages(ids: Iterable[int | None]) -> dict[int, LastMessage]:
    messages = Message.objects.select_related("author").filter(
        pk__in=[pk for pk in ids if pk is not None]
    )
    return {
        message.room_id: LastMessage(message.author.as_person(), message.body, message.created_at)
        for message in messages
    }


def _other_people(user: User, rooms: Iterable[Room]) -> dict[int, Person]:
    direct = [room for room in rooms if room.is_direct]
    if not direct:
        return {}
    others = Membership.objects.filter(~Q(user=user), room__in=direct).select_related("user")
    return {other.room_id: other.user.as_person() for other in others}
