"""What the page of a room shows first, read as Django's documentation would."""

from typing import Any  # a page's data is a dictionary of anything

from django.db.models import Count, OuterRef, Subquery

from chat.models import Membership, Message, Notification

SHOWN = 100
NOTIFICATIONS_SHOWN = 20


def read_page(user: Any, room: str) -> dict[str, Any]:
    mine = Membership.objects.filter(user=user)
    said = Message.objects.filter(room=OuterRef("room"))
    unread = said.filter(pk__gt=OuterRef("last_read")).order_by().values("room")
    rooms = mine.annotate(
        last=Subquery(said.order_by("-pk").values("body")[:1]),
        unread=Subquery(unread.annotate(count=Count("pk")).values("count")),
    )
    told = Notification.objects.filter(user=user)
    members = Membership.objects.filter(room=room).values_list("user", "user__username")
    return {
        "rooms": list(rooms.values("room", "last", "unread")),
        "notifications": list(told.order_by("-pk").values("pk", "body")[:NOTIFICATIONS_SHOWN]),
        "unread": told.filter(is_read=False).count(),
        "members": list(members[:SHOWN]),
        "here": list(
            Membership.objects.filter(room__in=mine.values("room")).values_list("room", "user")
        ),
    }
