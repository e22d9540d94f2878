"""Messages that grow: a bot's answer, shown while it is written and finished by one revision."""

from django.db.models import Exists, OuterRef
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chat import signals
from chat.frames import MessageData, MessageGrowing
from chat.markdown import render
from chat.models import Membership, Mention, Message, Room
from chat.queries import check_open, membership_of, mentioned_members
from chat.signals import Posted
from chat.text import BODY_CHARACTERS, BODY_LINES, clean_body
from realtime.delivery.publishing import publish
from realtime.protocol import ErrorCode, Refusal
from realtime.text import clean_text, is_visible

STOPPED = _("(Stopped.)")


def begin_message(
    room: Room, author: User, *, client_id: str, reply_to: int
) -> tuple[Message, bool]:
    """Post a message without text yet, and say whether it is new. Nobody is notified of it.

    Raises:
        Refusal: `forbidden` (not a member), `not_found` (the room is gone), `conflict` (it is
            archived).
    """
    with room.changing() as changes:
        membership_of(author, changes.feed)
        check_open(changes.feed)
        message, created = changes.get_or_add(
            Message(
                room=changes.feed,
                author=author,
                client_id=client_id,
                reply_to=reply_to,
                writing=True,
            )
        )
        if created:
            publish(room.topic, "message.created", message.as_data([]), rev=message.rev)
        return message, created


def grow_message(message: Message, text: str) -> bool:
    """Show all the text that there is so far; False where the message is not written any more.

    It is not where it was stopped or deleted, or where its author left the room or is inactive.

    It is kept, so that nothing that was shown is lost, but is no change with a number: whoever
    misses the event sees the next one, or the finished message.
    """
    body = fitting(text)
    place = Membership.objects.filter(room=OuterRef("room"), user=OuterRef("author"))
    here = Exists(place.filter(user__is_active=True))
    growing = Message.objects.filter(here, pk=message.pk, writing=True)
    if not growing.update(body=body):
        return False
    publish(message.room.topic, "message.growing", MessageGrowing(message.seq, body, render(body)))
    return True


def finish_message(message: Message, note: str | Promise = "") -> MessageData | None:
    """Finish a message with the text that it has; None where that was done before.

    Its author need not be in the room any more.

    Args:
        note: said below the text: why there is no more.

    Raises:
        Refusal: `not_found`, the room is gone.
    """
    room = message.room
    topics = {room.topic}
    answers = signals.messages_coming.send(Message, topics=topics, addressed=topics)
    with room.changing() as changes:
        message = changes.get(Message, pk=message.pk)
        if not message.writing:
            return None
        body = f"{fitting(message.body, len(str(note)))}\n\n{note}"
        message.body = clean_body(body if is_visible(body) else "…")
        message.writing = False
        mentioned = mentioned_members([(room.pk, message.body)])[room.pk, message.body]
        Mention.objects.bulk_create(Mention(message=message, user=user) for user in mentioned)
        changes.save(message, fields=["body", "writing"])
        data = message.as_data(mentioned)
        publish(room.topic, "message.updated", data, rev=message.rev)
        news = [Posted(message, mentioned, message.answered_author_id)]
        signals.messages_posted.send(Message, news=news, answers=dict(answers))
        return data


def stop_message(room: Room, user: User, *, seq: int) -> MessageData:
    """Stop a message that grows: one that answers oneself, or any as a moderator or owner.

    Raises:
        Refusal: `forbidden`, `not_found`.
    """
    membership = membership_of(user, room)
    message = Message.objects.filter(room=room, seq=seq).select_related("room").first()
    if message is None:
        raise Refusal(ErrorCode.NOT_FOUND, _("There is no such message."))
    if not (membership.may_moderate or message.answered_author_id == user.pk):
        raise Refusal(
            ErrorCode.FORBIDDEN, _("Only who asked and the room's moderators can stop this.")
        )
    return finish_message(message, STOPPED) or Message.objects.get(pk=message.pk).as_data()


def fitting(text: str, less: int = 0) -> str:
    """As much of a text as a message may have, and fewer characters by `less`."""
    storable = text.replace("\x00", "").encode(errors="replace").decode()
    lines = clean_text(storable[: BODY_CHARACTERS - less - 2]).split("\n")
    return "\n".join(lines[: BODY_LINES - 2])
