"""Chat in templates: `sidebar_rooms` lists the reader's rooms beside every page, `attachment`
shows a file of a message."""

from django import template
from django.template.context import Context

from chat.frames import AttachmentData
from chat.models import Room
from chat.queries import rooms_of

register = template.Library()

WIDEST_PX = 320  # a picture in a message, as in attachments.js
HIGHEST_PX = 240


@register.inclusion_tag("chat/_sidebar.html", takes_context=True)
def sidebar_rooms(context: Context) -> dict[str, object]:
    """The page's own list of `rooms` where it has one, and the slug of its `room` as `current`."""
    request, room = context["request"], context.get("room")
    rooms = context.get("rooms")
    if rooms is None:
        rooms = rooms_of(request.user)
    current = room.slug if isinstance(room, Room) else None
    return {"rooms": rooms, "current": current, "request": request, "user": request.user}


@register.inclusion_tag("chat/_attachment.html")
def attachment(file: AttachmentData) -> dict[str, object]:
    """A picture with its size, or the name of another file."""
    width, height = file.width or 1, file.height or 1
    scale = min(1, WIDEST_PX / width, HIGHEST_PX / height)
    return {
        "file": file,
        "width": max(1, round(width * scale)),
        "height": max(1, round(height * scale)),
    }
