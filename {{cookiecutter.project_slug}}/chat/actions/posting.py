"""Saying something in a room."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from accounts.models import User
from chat import announcements, notices
from chat.actions.locking import locked, next_rev
from chat.mentions import mentioned_usernames
from chat.models import Membership, Mention, Message, Room
from chat.queries import with_people
from chat.validation import clean_body, clean_client_id
from chat.wire import MessageData, message_data
from realtime.protocol import ErrorCode, Refusal

Key = tuple[int, str]
"""What makes a retry recognisable: the author's id, and the author's own id for the message."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message on its way in.

    Args:
        client_id: the author's own id for it, 1 to 64 characters; a retry has the same.
        body: 1 to 4,000 characters.
        reply_to: the `seq` of the message that it answers.
        created_at: when it was written, for messages from elsewhere; now by default.
    """

    author_id: int
    client_id: str
    body: str
    reply_to: int | None = None
    created_at: datetime | None = None

    @property
    def key(self) -> Key:
        return self.author_id, self.client_id


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
    draft = Draft(author.pk, client_id, body, reply_to, created_at)
    (result,) = post_messages(room, [draft])
    if isinstance(result, Refusal):
        raise result
    return result


def post_messages(room: Room, drafts: Sequence[Draft]) -> list[MessageData | Refusal]:
    """Post messages in their order in one transaction: a group commit.

    Returns, for each draft in turn, its message or the `Refusal` that `post_message` would have
    raised; one bad draft leaves the others alone. A retry, of a draft in the same batch too, gets
    the message that is there as it is now, and takes no number.

    Raises:
        Refusal: `not_found`, the room is gone.
    """
    cleaned = [_clean(draft) for draft in drafts]
    posted = iter(_post(room, [draft for draft in cleaned if isinstance(draft, Draft)]))
    return [next(posted) if isinstance(draft, Draft) else draft for draft in cleaned]


def _clean(draft: Draft) -> Draft | Refusal:
    try:
        clean_client_id(draft.client_id)
        return replace(draft, body=clean_body(draft.body))
    except Refusal as refusal:
        return refusal


def _post(room: Room, drafts: list[Draft]) -> list[MessageData | Refusal]:
    if not drafts:
        return []
    with locked(room) as room:
        batch = _Batch(room, drafts)
        results = [batch.add(draft) for draft in drafts]
        batch.save()
    return results


class _Batch:
    """What a transaction posts. Asks the database once for all of its drafts, not for each."""

    def __init__(self, room: Room, drafts: list[Draft]) -> None:
        self.room = room
        self.now = timezone.now()
        self.authors = _members(room, {draft.author_id for draft in drafts})
        self.there = _messages_there(room, drafts)
        self.answerable = _answerable(room, drafts)
        self.named = named_members(room, [draft.body for draft in drafts])
        self.new: list[tuple[Message, list[User]]] = []
        self.posted: list[MessageData] = []

    def add(self, draft: Draft) -> MessageData | Refusal:
        author = self.authors.get(draft.author_id)
        if author is None:
            return Refusal(ErrorCode.FORBIDDEN, "You are not a member of this room.")
        if draft.key in self.there:
            return self.there[draft.key]
        if draft.reply_to is not None and draft.reply_to not in self.answerable:
            return Refusal(ErrorCode.NOT_FOUND, "The message that you answer is not in this room.")
        return self._number(draft, author)

    def _number(self, draft: Draft, author: User) -> MessageData:
        rev = next_rev(self.room)
        message = Message(
            room=self.room,
            seq=rev,
            rev=rev,
            author=author,
            client_id=draft.client_id,
            body=draft.body,
            reply_to=draft.reply_to,
            created_at=draft.created_at or self.now,
        )
        named = [self.named[n] for n in mentioned_usernames(draft.body) if n in self.named]
        self.new.append((message, named))
        self.there[draft.key] = data = message_data(message, mentioned=named)
        self.posted.append(data)
        return data

    def save(self) -> None:
        Message.objects.bulk_create(message for message, _ in self.new)
        Mention.objects.bulk_create(
            Mention(message=message, user=user) for message, named in self.new for user in named
        )
        announcements.messages_posted(self.room, self.posted)
        # What was written long ago, elsewhere, is news to nobody.
        notices.posted(self.room, [new for new in self.new if new[0].created_at == self.now])


def named_members(room: Room, bodies: list[str]) -> dict[str, User]:
    """The members of the room whom any of `bodies` names, by username."""
    names = {name for body in bodies for name in mentioned_usernames(body)}
    if not names:
        return {}
    memberships = Membership.objects.filter(
        room=room, user__username__in=names, user__is_active=True
    )
    return {each.user.username: each.user for each in memberships.select_related("user")}


def _members(room: Room, user_ids: set[int]) -> dict[int, User]:
    memberships = Membership.objects.filter(room=room, user__in=user_ids).select_related("user")
    return {membership.user_id: membership.user for membership in memberships}


def _messages_there(room: Room, drafts: list[Draft]) -> dict[Key, MessageData]:
    messages = room.messages.filter(
        author__in={draft.author_id for draft in drafts},
        client_id__in={draft.client_id for draft in drafts},
    )
    return {
        (message.author_id, message.client_id): message_data(message)
        for message in with_people(messages)
    }


def _answerable(room: Room, drafts: list[Draft]) -> set[int]:
    wanted = {draft.reply_to for draft in drafts if draft.reply_to is not None}
    possible = {seq for seq in wanted if 0 < seq <= room.last_rev}  # and so within a bigint
    if not possible:
        return set()
    return set(room.messages.filter(seq__in=possible).values_list("seq", flat=True))
