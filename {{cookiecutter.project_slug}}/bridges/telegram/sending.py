"""What the bot sends besides the chosen room: answers, and what people are notified of."""

from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from bridges.telegram.models import Link
from chat.models import Message, Room
from chat.queries import named_for
from notifications.actions import notified
from notifications.models import UNREAD, Notification
from realtime.tasks import enqueue_many, task, unfinished

ANSWERS_WAITING = 20
"""Who writes faster than Telegram lets the bot answer is not answered beyond these."""


@task
def say(chat_id: int, text: str) -> None:
    """Answer in a chat."""
    Link(chat_id=chat_id).send(text)


def enqueue_answer(chat_id: int, text: str) -> None:
    if unfinished(say).filter(args__0=chat_id).count() < ANSWERS_WAITING:
        say.enqueue(chat_id, text)


@task
def tell(link_id: int, notification_id: int) -> None:
    """Send what a person is notified of, as long as it is unread: of a message, the message."""
    links = Link.objects.select_related("user").filter(user__is_active=True)
    link = links.filter(pk=link_id).first()
    unread = Notification.objects.filter(UNREAD, quiet=False, pk=notification_id)
    notification = unread.select_related("actor").first()
    if link is None or notification is None:
        return
    prefix, _, slug = notification.target.partition(":")
    rooms = Room.objects.filter(slug=slug if prefix == Room.prefix else "")
    messages = Message.objects.filter(room__in=rooms, seq=notification.data.get("seq", 0))
    message = messages.select_related("room", "author").first()
    if message is None:
        link.send(f"{notification.text}\n{notification.excerpt}".strip())
    elif link.may_read(message.room):
        link.show(named_for(link.user, message.room), message, is_new=True)


@receiver(notified)
def enqueue(notifications: Sequence[Notification], **kwargs: Any) -> None:  # Any: a signal's
    """Enqueue what people with a chat are notified of outside the room that they read there."""
    links = Link.objects.filter(user__in={each.recipient_id for each in notifications})
    rows = links.values_list("user", "pk", "following__room__slug")
    found = {user_id: (pk, Room.topics.topic(slug or "")) for user_id, pk, slug in rows}
    calls = [
        (found[each.recipient_id][0], each.pk)
        for each in notifications
        if each.recipient_id in found and each.target != found[each.recipient_id][1]
    ]
    enqueue_many(tell, calls)
