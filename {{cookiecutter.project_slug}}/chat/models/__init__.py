"""Chat's tables."""

from chat.models.messages import Mention, Message, Reaction
from chat.models.rooms import Invitation, Membership, Room

__all__ = ["Invitation", "Membership", "Mention", "Message", "Reaction", "Room"]
