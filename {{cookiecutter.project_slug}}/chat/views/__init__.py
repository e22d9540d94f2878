"""Chat's pages."""

from chat.views.members import invite, remove, role, withdraw
from chat.views.membership import accept, decline, join, leave
from chat.views.people import direct, people
from chat.views.rooms import create, home, room, settings

__all__ = [
    "accept",
    "create",
    "decline",
    "direct",
    "home",
    "invite",
    "join",
    "leave",
    "people",
    "remove",
    "role",
    "room",
    "settings",
    "withdraw",
]
