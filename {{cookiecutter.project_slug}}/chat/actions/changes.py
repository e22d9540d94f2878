"""Changing what was said: each change takes the room's next number."""

from django.utils import timezone

from accounts.models import User
from chat import announcements, notices
from chat.actions.locking import locked, next_rev
from chat.actions.posting import named_members
from chat.mentions import mentioned_usernames
from chat.models import Mention, Message, Reaction, Room
from chat.queries import membership_of
from chat.validation import clean_body, clean_emoji
from chat.wire import MessageData, message_data
from presence.viewing import viewers
from realtime.protocol import ErrorCode, Refusal

EMOJI_PER_MESSAGE = 20


def edit_message(room: Room, user: User, *, seq: int, body: str) -> MessageData:
    """Put other words into one's own message.

    Raises:
        Refusal: `invalid`, `too_large`, `forbidden` (not a member, not the author), `not_found`,
            `conflict` (it is deleted).
    """
    body = clean_body(body)
    viewing = viewers([room.topic]) if mentioned_usernames(body) else set()
    with locked(room) as room:
        membership_of(user, room)
        message = _message(room, seq)
        if message.author_id != user.pk:
            raise Refusal(ErrorCode.FORBIDDEN, "You can edit your own messages only.")
        _refuse_deleted(message)
        if message.body == body:
            return message_data(message)
        message.body, message.edited_at = body, timezone.now()
        named = named_members([(room.pk, body)])
        names = [(room.pk, name) for name in mentioned_usernames(body)]
        users = [named[name] for name in names if name in named]
        named_before = set(message.mentions.values_list("user", flat=True))
        message.mentions.all().delete()
        Mention.objects.bulk_create(Mention(message=message, user=user) for user in users)
        notices.edited(message, [user.pk for user in users if user.pk not in named_before], viewing)
        return _updated(room, message)


def delete_message(room: Room, user: User, *, seq: int) -> MessageData:
    """Take a message back: one's own, or any as a moderator or owner. Deleting twice is harmless.

    Raises:
        Refusal: `forbidden`, `not_found`.
    """
    with locked(room) as room:
        membership = membership_of(user, room)
        message = _message(room, seq)
        if message.author_id != user.pk and not membership.may_moderate:
            raise Refusal(
                ErrorCode.FORBIDDEN, "Only its author and the room's moderators can delete this."
            )
        return _erase(room, message)


def erase_message(message: Message) -> MessageData:
    """Delete a message on behalf of the site rather than of a member: for the admin.

    Raises:
        Refusal: `not_found`, the room is gone.
    """
    with locked(message.room) as room:
        return _erase(room, _message(room, message.seq))


def toggle_reaction(room: Room, user: User, *, seq: int, emoji: str) -> MessageData:
    """Put one's reaction on a message, or take it off.

    Raises:
        Refusal: `invalid`, `forbidden`, `not_found`, `conflict` (it is deleted, or has
            `EMOJI_PER_MESSAGE` different ones).
    """
    emoji = clean_emoji(emoji)
    with locked(room) as room:
        membership_of(user, room)
        message = _message(room, seq)
        _refuse_deleted(message)
        taken_off, _ = Reaction.objects.filter(message=message, user=user, emoji=emoji).delete()
        if not taken_off:
            _refuse_many_emoji(message, emoji)
            Reaction.objects.create(message=message, user=user, emoji=emoji)
        return _updated(room, message)


def _message(room: Room, seq: int) -> Message:
    message = room.messages.filter(seq=seq).select_related("author").first()
    if message is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such message in this room.")
    return message


def _refuse_deleted(message: Message) -> None:
    if message.deleted_at:
        raise Refusal(ErrorCode.CONFLICT, "This message was deleted.")


def _refuse_many_emoji(message: Message, emoji: str) -> None:
    kinds = set(message.reactions.order_by().values_list("emoji", flat=True).distinct())
    if emoji not in kinds and len(kinds) >= EMOJI_PER_MESSAGE:
        raise Refusal(
            ErrorCode.CONFLICT,
            f"A message has at most {EMOJI_PER_MESSAGE} different reactions. Join one of them.",
        )


def _updated(room: Room, message: Message) -> MessageData:
    data = _renumbered(room, message)
    announcements.message_updated(room, data)
    return data


def _erase(room: Room, message: Message) -> MessageData:
    if message.deleted_at:
        return message_data(message)
    message.body, message.deleted_at = "", timezone.now()
    message.reactions.all().delete()
    message.mentions.all().delete()
    data = _renumbered(room, message)
    announcements.message_deleted(room, data)
    notices.taken_back(room, message)
    return data


def _renumbered(room: Room, message: Message) -> MessageData:
    message.rev = next_rev(room)
    message.save(update_fields=["body", "rev", "edited_at", "deleted_at"])
    return message_data(message)
