"""What happens in rooms, as signals: apps that chat knows nothing of connect to them.

All but the first are sent in the transaction that holds the room's lock, so that what receivers
write is committed with it.
"""

from typing import NamedTuple

from django.dispatch import Signal

from accounts.models import User
from chat.models import Message

messages_coming = Signal()
"""Sent before rooms are locked, with the `topics` of the rooms and `addressed`, those of them in
which a message is meant for somebody in particular. A receiver that has to ask another service does
it now: what it returns comes back to it with `messages_posted`."""

messages_posted = Signal()
"""Sent with `news`, a list of `Posted`, and `answers`: what each receiver of `messages_coming` has
answered, by receiver. A message that grows is news when it is finished."""

message_edited = Signal()
"""Sent with the `message`, the ids of those who are `mentioned` and were so `before`, and
`viewing`, from `realtime.viewing.viewers`."""

message_deleted = Signal()
"""Sent with the `message`."""

person_invited = Signal()
"""Sent with the `invitation`."""

invitation_settled = Signal()
"""Sent with the `room` and the `user`: the invitation was accepted, declined or withdrawn."""

member_left = Signal()
"""Sent with the `room` and the `user` who may no longer see it."""

room_renamed = Signal()
"""Sent with the `room`."""

room_deleted = Signal()
"""Sent with the `room`."""


class Posted(NamedTuple):
    """A new message, with those whom it may concern."""

    message: Message
    mentioned: list[User]
    answered: int | None
    """The author of the message that it answers."""
