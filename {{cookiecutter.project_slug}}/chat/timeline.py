"""How the messages of a room follow one another in its first HTML; timeline.js goes on with it."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from django.utils.timezone import localdate

from accounts.models import User
from chat.frames import MessageData

TOGETHER = timedelta(minutes=5)
"""Messages of one person within this time share one heading."""


class Line(NamedTuple):
    """A message with what depends on the one before it."""

    message: MessageData
    begins_day: bool
    is_first_unread: bool
    classes: str


def lines(messages: Sequence[MessageData], reader: User, last_read: int) -> Iterator[Line]:
    """The lines of a page of messages, of which the reader has read up to the `seq` `last_read`."""
    previous = None
    has_unread = False
    for message in messages:
        begins_day = not previous or (
            localdate(previous.created_at) != localdate(message.created_at)
        )
        is_own = message.author["id"] == reader.pk
        is_unread = message.seq > last_read and not is_own
        is_first_unread = is_unread and not has_unread
        has_unread |= is_unread
        is_together = (
            previous is not None
            and not (begins_day or is_first_unread or message.reply_to is not None)
            and previous.author["id"] == message.author["id"]
            and message.created_at - previous.created_at < TOGETHER
        )
        classes = {
            "message": True,
            "message--own": is_own,
            "message--together": is_together,
            "message--deleted": message.deleted_at is not None,
            "message--writing": message.writing,
            "message--mentions-you": reader.username in message.mentions,
        }
        names = " ".join(name for name, applies in classes.items() if applies)
        yield Line(message, begins_day, is_first_unread, names)
        previous = message
