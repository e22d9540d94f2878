"""A person's list of rooms, with what is unread in each."""

from collections.abc import Iterable

from django.db.models import Exists, IntegerField, OuterRef, Subquery

from accounts.models import User
from chat.frames import LastMessage, RoomSummary
from chat.models import ROOMS_LISTED, Membership, Mention, Message, other_people

UNREAD_COUNTED = 100  # a room with more shows as "99+"; counting on would only cost


class _Count(Subquery):
    """How many rows a query has."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def slugs_of(user: User) -> list[str]:
    """The slugs of the rooms that `rooms_of` lists, in its order; one query."""
    memberships = Membership.latest_first(user.pk)[:ROOMS_LISTED]
    return list(memberships.values_list("room__slug", flat=True))


def rooms_of(user: User, limit: int = ROOMS_LISTED) -> list[RoomSummary]:
    """The rooms that the user is in, those with the latest messages first; three queries."""
    messages = Message.objects.filter(room=OuterRef("room"), deleted_at=None)
    others = messages.filter(seq__gt=OuterRef("last_read")).exclude(author=user)
    mentions = Mention.objects.filter(
        user=user, message__room=OuterRef("room"), message__seq__gt=OuterRef("last_read")
    ).exclude(message__author=user)
    memberships = list(
        Membership.latest_first(user.pk)
        .select_related("room")
        .annotate(
            latest=Subquery(messages.order_by("-seq").values("pk")[:1]),
            unread=_Count(others.order_by().values("pk")[:UNREAD_COUNTED]),
            mentioned=Exists(mentions),
        )[:limit]
    )
    last_messages = _last_messages(row.latest for row in memberships)
    people = other_people(user.pk, [row.room for row in memberships])
    return [
        RoomSummary(
            slug=row.room.slug,
            name=row.room.name_beside(people.get(row.room_id)),
            kind=row.room.kind,
            rev=row.room.last_rev,
            unread=row.unread,
            mentioned=row.mentioned,
            last_message=last_messages.get(row.room_id),
            person=people.get(row.room_id),
        )
        for row in memberships
    ]


def _last_messages(ids: Iterable[int | None]) -> dict[int, LastMessage]:
    messages = Message.objects.select_related("author").filter(
        pk__in=[pk for pk in ids if pk is not None]
    )
    return {
        message.room_id: LastMessage(message.author.as_person(), message.body, message.created_at)
        for message in messages
    }
