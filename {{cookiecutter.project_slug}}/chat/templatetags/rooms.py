"""Rooms in templates: the tag `sidebar_rooms` lists the reader's rooms beside every page."""

from django import template
from django.template.context import Context

from chat.models import Room
from chat.queries import rooms_of

register = template.Library()


@register.inclusion_tag("chat/_sidebar.html", takes_context=True)
def sidebar_rooms(context: Context) -> dict[str, object]:
    """The page's own list of `rooms` where it has one, and the slug of its `room` as `current`."""
    request, room = context["request"], context.get("room")
    rooms = context.get("rooms")
    if rooms is None:
        rooms = rooms_of(request.user)
    current = room.slug if isinstance(room, Room) else None
    return {"rooms": rooms, "current": current, "request": request, "user": request.user}
