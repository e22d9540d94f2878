"""Saying something in a room."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from chat import announcements, notices
from chat.actions.locking import locked_rooms, next_rev
from chat.mentions import mentioned_usernames
from chat.models import Membership, Mention, Message, Room
from chat.queries import in_rooms, with_people
from chat.validation import clean_body, clean_client_id
from chat.wire import MessageData, message_data
from realtime.protocol import ErrorCode, Refusal

Key = tuple[int, int, str]
"""What makes a retry recognisable: the room, the author, and the author's id for the message."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message on its way in.

    Args:
        client_id: the author's own id for it, 1 to 64 characters; a retry has the same.
        body: 1 to 4,000 characters.
        reply_to: the `seq` of the message that it answers.
        created_at: when it was written, for messages from elsewhere; now by default.
    """

    room: Room
    author_id: int
    client_id: str
    body: str
    reply_to: int | None = None
    created_at: datetime | None = None

    @property
    def room_id(self) -> int:
        return self.room.pk

    @property
    def may_notify(self) -> bool:
        """Whether its words or its place are meant for somebody in particular."""
        is_for_somebody = self.room.is_direct or self.reply_to is not None
        return is_for_somebody or bool(mentioned_usernames(self.body))

    @property
    def key(self) -> Key:
        return self.room_id, self.author_id, self.client_id


def post_message(
    room: Room,
    author: User,
    *,
    body: str,
    client_id: str,
    reply_to: int | None = None,
    created_at: datetime | None = None,
) -> MessageData:
    """Post one message; see `Draft`. Returns it, or the one that is there under its `client_id`.

    Raises:
        Refusal: `invalid`, `too_large`, `forbidden` (not a member), `not_found` (the room, or the
            message that it answers).
    """
    (result,) = post_messages([Draft(room, author.pk, client_id, body, reply_to, created_at)])
    if isinstance(result, Refusal):
        raise result
    return result


def post_messages(drafts: Sequence[Draft]) -> list[MessageData | Refusal]:
    """Post messages, to one room or many, in their order in one transaction: a group commit.

    Returns, for each draft in turn, its message or the `Refusal` that `post_message` would have
    raised; one bad draft leaves the others alone. A retry, of a draft in the same batch too, gets
    the message that is there as it is now, and takes no number.
    """
    cleaned = [_clean(draft) for draft in drafts]
    posted = iter(_post([draft for draft in cleaned if isinstance(draft, Draft)]))
    return [next(posted) if isinstance(draft, Draft) else draft for draft in cleaned]


def _clean(draft: Draft) -> Draft | Refusal:
    try:
        clean_client_id(draft.client_id)
        return replace(draft, body=clean_body(draft.body))
    except Refusal as refusal:
        return refusal


def _post(drafts: list[Draft]) -> list[MessageData | Refusal]:
    if not drafts:
        return []
    attention = notices.attention(
        {draft.room.topic for draft in drafts},
        {draft.room.topic for draft in drafts if draft.may_notify},
    )
    with locked_rooms({draft.room_id for draft in drafts}) as rooms:
        batch = _Batch(rooms, drafts, attention)
        results = [batch.add(draft) for draft in drafts]
        batch.save()
    return results


class _Batch:
    """What a transaction posts. Asks the database once for all of its drafts, not for each."""

    def __init__(
        self, rooms: dict[int, Room], drafts: list[Draft], attention: notices.Attention
    ) -> None:
        self.rooms = rooms
        self.attention = attention
        self.now = timezone.now()
        self.authors = _authors(drafts)
        self.there = _messages_there(drafts)
        self.answerable = _answerable(rooms, drafts)
        self.named = named_members((draft.room_id, draft.body) for draft in drafts)
        self.new: list[tuple[Message, list[User]]] = []
        self.posted: list[tuple[Room, MessageData]] = []

    def add(self, draft: Draft) -> MessageData | Refusal:
        room = self.rooms.get(draft.room_id)
        if room is None:
            return Refusal(ErrorCode.NOT_FOUND, "There is no such room any more.")
        author = self.authors.get((draft.room_id, draft.author_id))
        if author is None:
            return Refusal(ErrorCode.FORBIDDEN, "You are not a member of this room.")
        if draft.key in self.there:
            return self.there[draft.key]
        if draft.reply_to is not None and (room.pk, draft.reply_to) not in self.answerable:
            return Refusal(ErrorCode.NOT_FOUND, "The message that you answer is not in this room.")
        return self._number(draft, room, author)

    def _number(self, draft: Draft, room: Room, author: User) -> MessageData:
        rev = next_rev(room)
        message = Message(
            room=room,
            seq=rev,
            rev=rev,
            author=author,
            client_id=draft.client_id,
            body=draft.body,
            reply_to=draft.reply_to,
            created_at=draft.created_at or self.now,
        )
        names = [(room.pk, name) for name in mentioned_usernames(draft.body)]
        named = [self.named[name] for name in names if name in self.named]
        self.new.append((message, named))
        self.there[draft.key] = data = message_data(message, mentioned=named)
        self.posted.append((room, data))
        return data

    def save(self) -> None:
        Message.objects.bulk_create(message for message, _ in self.new)
        Mention.objects.bulk_create(
            Mention(message=message, user=user) for message, named in self.new for user in named
        )
        announcements.messages_posted(self.posted)
        # No notifications for imported messages.
        now = [new for new in self.new if new[0].created_at == self.now]
        notices.posted(now, self.attention)


def named_members(said: Iterable[tuple[int, str]]) -> dict[tuple[int, str], User]:
    """Of rooms, by id, and what is said in them: the members that it names.

    By room and username.
    """
    names: dict[int, set[str]] = {}
    for room_id, body in said:
        if mentioned := mentioned_usernames(body):
            names.setdefault(room_id, set()).update(mentioned)
    if not names:
        return {}
    memberships = Membership.objects.filter(
        in_rooms(names, "user__username__in"), user__is_active=True
    ).select_related("user")
    return {(each.room_id, each.user.username): each.user for each in memberships}


def _authors(drafts: list[Draft]) -> dict[tuple[int, int], User]:
    """By room and user: the authors that are members."""
    users = User.objects.in_bulk({draft.author_id for draft in drafts})
    memberships = Membership.objects.filter(
        room__in={draft.room_id for draft in drafts}, user__in=users
    )
    return {(room, user): users[user] for room, user in memberships.values_list("room", "user")}


def _messages_there(drafts: list[Draft]) -> dict[Key, MessageData]:
    client_ids: dict[tuple[int, int], set[str]] = {}
    for draft in drafts:
        client_ids.setdefault((draft.room_id, draft.author_id), set()).add(draft.client_id)
    messages = Message.objects.filter(
        reduce(
            or_,  # rather than the rooms, the authors and the ids, which are many more together
            (
                Q(room=room_id, author=author_id, client_id__in=ids)
                for (room_id, author_id), ids in client_ids.items()
            ),
        )
    )
    return {
        (message.room_id, message.author_id, message.client_id): message_data(message)
        for message in with_people(messages)
    }


def _answerable(rooms: dict[int, Room], drafts: list[Draft]) -> set[tuple[int, int]]:
    """By room and `seq`: the messages that the drafts answer, where they are there."""
    wanted: dict[int, set[int]] = {}
    for draft in drafts:
        room = rooms.get(draft.room_id)
        if room and draft.reply_to and 0 < draft.reply_to <= room.last_rev:  # so within a bigint
            wanted.setdefault(room.pk, set()).add(draft.reply_to)
    if not wanted:
        return set()
    messages = Message.objects.filter(in_rooms(wanted, "seq__in"))
    return set(messages.values_list("room", "seq"))
