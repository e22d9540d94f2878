"""Messages: posting, changing and reading them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chat import signals
from chat.actions.attachments import attach, detach, unsent
from chat.budgets import MENTION_COST, MESSAGES, REACTIONS
from chat.frames import ATTACHMENTS_PER_MESSAGE, MessageData
from chat.markdown import mentioned_usernames
from chat.models import (
    Attachment,
    Membership,
    Mention,
    Message,
    Reaction,
    Room,
    room_list_topic,
)
from chat.queries import (
    READ_SHOWN_MEMBERS,
    archived,
    check_open,
    membership_of,
    mentioned_members,
)
from chat.signals import Posted
from chat.text import check_client_id, clean_body, is_emoji
from realtime.delivery.publishing import Event, publish, publish_many
from realtime.feeds.changes import changing_few
from realtime.lookups import Lookup, insert
from realtime.protocol import ErrorCode, Refusal
from realtime.viewing import viewers

EMOJI_PER_MESSAGE = 20
UNATTACHABLE = _(
    "A file of this message is not there any more, or was sent already. Attach it again."
)

_memberships = Lookup(Membership.objects.select_related("user"), "room", "user")
_messages = Lookup(Message.objects.select_related("author"), "room", "seq")
# Locked in one order, so that two transactions never wait for each other.
_locked_memberships = Lookup(
    Membership.objects.select_for_update(no_key=True, of=("self",))
    .select_related("room")
    .order_by("room_id", "user_id"),
    "room",
    "user",
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A message on its way in.

    Args:
        client_id: the author's own id for it, 1 to 64 characters; a retry has the same.
        body: 1 to 4,000 characters; may be empty where something is attached.
        reply_to: the `seq` of the message that it answers.
        created_at: when it was written, for messages from elsewhere; now by default.
        attachments: the ids of up to `ATTACHMENTS_PER_MESSAGE` uploads of the author's.
    """

    room: Room
    author_id: int
    client_id: str
    body: str
    reply_to: int | None = None
    created_at: datetime | None = None
    attachments: Sequence[UUID] = ()


class Reading(NamedTuple):
    """A person has read a room up to the message `seq`."""

    room_id: int
    user_id: int
    seq: int


def post_message(
    room: Room,
    author: User,
    *,
    client_id: str,
    body: str = "",
    reply_to: int | None = None,
    created_at: datetime | None = None,
    attachments: Sequence[UUID] = (),
) -> MessageData:
    """Post one message; see `Draft`. Returns it, or the one that is there under its `client_id`.

    Raises:
        Refusal: `invalid`, `too_large`, `forbidden` (not a member), `not_found` (the room, the
            message that it answers, or an attachment), `conflict` (the room is archived),
            `rate_limited`.
    """
    draft = Draft(room, author.pk, client_id, body, reply_to, created_at, attachments)
    (result,) = post_messages([draft])
    if isinstance(result, Refusal):
        raise result
    return result


def post_messages(drafts: Sequence[Draft]) -> list[MessageData | Refusal]:
    """Post messages, to one room or many, in their order in one transaction: a group commit.

    Returns, for each draft in turn, its message or the `Refusal` that `post_message` would have
    raised; one bad draft leaves the others alone. A retry, of a draft in the same batch too, gets
    the message that is there as it is now, takes no number and costs nothing.
    """
    checked = [_check(draft) for draft in drafts]
    good = [each for each in checked if isinstance(each, Draft)]
    if not good:
        return [each for each in checked if isinstance(each, Refusal)]
    now = timezone.now()
    topics = {draft.room.topic for draft in good}
    addressed = {draft.room.topic for draft in good if _is_addressed(draft)}
    answers = signals.messages_coming.send(Message, topics=topics, addressed=addressed)
    with changing_few(Room, {draft.room.pk for draft in good}) as changes:
        authors = _authors(good)
        answered = _answered(changes.feeds, good)

        def message(draft: Draft) -> Message | Refusal:
            room = changes.feeds.get(draft.room.pk)
            if room is None:
                return Refusal(ErrorCode.NOT_FOUND, _("There is no such room any more."))
            author = authors.get((room.pk, draft.author_id))
            if author is None:
                return Refusal(ErrorCode.FORBIDDEN, _("You are not a member of this room."))
            quoted = answered.get((room.pk, draft.reply_to))
            if draft.reply_to is not None and quoted is None:
                return Refusal(
                    ErrorCode.NOT_FOUND, _("The message that you answer is not in this room.")
                )
            new = Message(
                room=room,
                author=author,
                client_id=draft.client_id,
                body=draft.body,
                created_at=draft.created_at or now,
            )
            if quoted:
                new.quoted = quoted  # which is its `reply_to`
            return new

        asked = [message(each) if isinstance(each, Draft) else each for each in checked]
        messages = [each for each in asked if isinstance(each, Message)]
        firsts = changes.recognise(*messages)  # a retry gets the message that is there, unpaid
        fresh = [each for each, first in zip(messages, firsts, strict=True) if each is first]
        drafts_of = {id(m): d for m, d in zip(asked, checked, strict=True) if isinstance(d, Draft)}
        writable = [each for each in fresh if not each.room.archived_at]
        files = _taken([(each, drafts_of[id(each)]) for each in writable])
        unpaid = [each for each in fresh if id(each) in files]
        refusals = MESSAGES.spend_each(
            [(authors[each.room_id, each.author_id], _cost(each.body)) for each in unpaid]
        )
        results: dict[int, MessageData | Refusal] = {
            id(each): archived()
            if each.room.archived_at
            else Refusal(ErrorCode.NOT_FOUND, UNATTACHABLE)
            for each in fresh
            if id(each) not in files
        }
        results |= {
            id(each): refusal for each, refusal in zip(unpaid, refusals, strict=True) if refusal
        }
        new = [each for each in unpaid if id(each) not in results]
        changes.add_new(*new)
        attach((each, files[id(each)]) for each in new)
        named = mentioned_members((each.room_id, each.body) for each in new)
        mentioned = {each.pk: named[each.room_id, each.body] for each in new}
        insert([Mention(message=each, user=user) for each in new for user in mentioned[each.pk]])
        for each in firsts:
            if id(each) not in results:
                results[id(each)] = each.as_data(mentioned.get(each.pk), files.get(id(each)))
        for each in new:
            publish(each.room.topic, "message.created", results[id(each)], rev=each.rev)
        # Skip notifications for messages that were written elsewhere, long ago.
        news = [
            Posted(each, mentioned[each.pk], each.answered_author_id)
            for each in new
            if each.created_at == now
        ]
        signals.messages_posted.send(Message, news=news, answers=dict(answers))
    posted = iter(firsts)
    return [each if isinstance(each, Refusal) else results[id(next(posted))] for each in asked]


def edit_message(room: Room, user: User, *, seq: int, body: str) -> MessageData:
    """Change the text of one's own message.

    Raises:
        Refusal: `invalid`, `too_large`, `forbidden` (not a member, not the author), `not_found`,
            `conflict` (it is deleted, or the room archived), `rate_limited`.
    """
    body = clean_body(body)
    viewing = viewers([room.topic]) if mentioned_usernames(body) else ()
    with room.changing() as changes:
        membership_of(user, changes.feed)
        check_open(changes.feed)
        message = changes.get(Message, seq=seq)
        if message.author_id != user.pk:
            raise Refusal(ErrorCode.FORBIDDEN, _("You can edit your own messages only."))
        _refuse_deleted(message)
        if message.body == body:
            return message.as_data()
        mentioned = mentioned_members([(room.pk, body)])[room.pk, body]
        MESSAGES.spend(user, _cost(body))
        mentioned_before = {mention.user_id for mention in message.mentions.all()}
        message.mentions.all().delete()
        Mention.objects.bulk_create(Mention(message=message, user=user) for user in mentioned)
        message.body, message.edited_at = body, timezone.now()
        changes.save(message, fields=["body", "edited_at"])
        signals.message_edited.send(
            Message,
            message=message,
            mentioned={user.pk for user in mentioned},
            before=mentioned_before,
            viewing=viewing,
        )
        data = message.as_data(mentioned)
        publish(room.topic, "message.updated", data, rev=message.rev)
        return data


def delete_message(room: Room, by: User | None, *, seq: int) -> MessageData:
    """Delete a message: one's own, or any as a moderator or owner. Deleting twice is harmless.

    Raises:
        Refusal: `forbidden`, `not_found`.
    """
    with room.changing() as changes:
        membership = membership_of(by, changes.feed) if by else None
        message = changes.get(Message, seq=seq)
        if membership and message.author_id != membership.user_id and not membership.may_moderate:
            detail = _("Only its author and the room's moderators can delete this.")
            raise Refusal(ErrorCode.FORBIDDEN, detail)
        if message.deleted_at:
            return message.as_data()
        message.reactions.all().delete()
        message.mentions.all().delete()
        detach(message)
        # Forget those that were read before.
        message.refresh_from_db(fields=["reactions", "mentions", "attachments"])
        changes.delete(message)
        data = message.as_data()
        publish(room.topic, "message.deleted", data, rev=message.rev)
        signals.message_deleted.send(Message, message=message)
        return data


def toggle_reaction(
    room: Room, user: User, *, seq: int, emoji: str, on: bool | None = None
) -> MessageData:
    """Put one's reaction on a message, or take it off.

    Args:
        on: whether it is to be there afterwards, which makes a retry harmless; None for the
            other of what it is now.

    Raises:
        Refusal: `invalid`, `forbidden`, `not_found`, `conflict` (it is deleted, has
            `EMOJI_PER_MESSAGE` different ones, or the room is archived), `rate_limited`.
    """
    if not is_emoji(emoji):
        raise Refusal(ErrorCode.INVALID, _("A reaction is one emoji."))
    with room.changing() as changes:
        membership_of(user, changes.feed)
        check_open(changes.feed)
        message = changes.get(Message, seq=seq)
        _refuse_deleted(message)
        own = message.reactions.filter(user=user, emoji=emoji)
        is_on = own.exists()
        if on is is_on:
            return message.as_data()
        REACTIONS.spend(user)
        if is_on:
            own.delete()
        else:
            there = {reaction.emoji for reaction in message.reactions.all()}
            if emoji not in there and len(there) >= EMOJI_PER_MESSAGE:
                detail = _("A message has at most %(most)s different reactions. Join one of them.")
                raise Refusal(ErrorCode.CONFLICT, detail % {"most": EMOJI_PER_MESSAGE})
            Reaction.objects.create(message=message, user=user, emoji=emoji)
        changes.save(message, fields=[])
        message.refresh_from_db(fields=["reactions"])  # forget those that were read before
        data = message.as_data()
        publish(room.topic, "message.updated", data, rev=message.rev)
        return data


def mark_read(room: Room, user: User, *, seq: int) -> int:
    """Move a person's place in the room forward to `seq`; it never moves back.

    Returns the place where they are now.

    Raises:
        Refusal: `forbidden`, not a member.
    """
    (place,) = mark_readings([Reading(room.pk, user.pk, seq)])
    if isinstance(place, Refusal):
        raise place
    return place


def mark_readings(readings: Sequence[Reading]) -> list[int | Refusal]:
    """Move the places of many, as of all who have just seen a message, in one transaction.

    Returns for each reading in turn where its person is now, or the `Refusal` of `mark_read`.
    """
    with transaction.atomic():
        keys = sorted({(reading.room_id, reading.user_id) for reading in readings})
        memberships = {(each.room_id, each.user_id): each for each in _locked_memberships(keys)}
        before = {pk: membership.last_read for pk, membership in memberships.items()}
        places: list[int | Refusal] = []
        for room_id, user_id, seq in readings:
            membership = memberships.get((room_id, user_id))
            if membership is None:
                detail = _("You are not a member of this room.")
                places.append(Refusal(ErrorCode.FORBIDDEN, detail))
                continue
            seq = min(seq, membership.room.last_rev)
            membership.last_read = max(seq, membership.last_read)
            places.append(membership.last_read)
        _save_places([each for pk, each in memberships.items() if each.last_read > before[pk]])
    return places


def _refuse_deleted(message: Message) -> None:
    if message.deleted_at:
        raise Refusal(ErrorCode.CONFLICT, _("This message was deleted."))


def _check(draft: Draft) -> Draft | Refusal:
    """The draft with its body cleaned, or why it cannot be posted."""
    try:
        check_client_id(draft.client_id)
        if len(draft.attachments) > ATTACHMENTS_PER_MESSAGE:
            detail = _("A message has at most %(most)s files. Send several.")
            raise Refusal(ErrorCode.TOO_LARGE, detail % {"most": ATTACHMENTS_PER_MESSAGE})
        if draft.attachments and not draft.body:
            return draft
        return replace(draft, body=clean_body(draft.body))
    except Refusal as refusal:
        return refusal


def _is_addressed(draft: Draft) -> bool:
    """Whether it is meant for somebody in particular."""
    return (
        draft.room.is_direct or draft.reply_to is not None or bool(mentioned_usernames(draft.body))
    )


def _authors(drafts: Sequence[Draft]) -> dict[tuple[int, int | None], User]:
    """By room and user: the authors that are members."""
    memberships = _memberships({(draft.room.pk, draft.author_id) for draft in drafts})
    return {(each.room_id, each.user_id): each.user for each in memberships}


def _taken(fresh: Sequence[tuple[Message, Draft]]) -> dict[int, list[Attachment]]:
    """By the message's `id()`: what is attached to it. Left out are messages that ask for files
    that are not their author's, not for their room, or sent already."""
    there = unsent({each for _, draft in fresh for each in draft.attachments})
    taken: dict[int, list[Attachment]] = {}
    for message, draft in fresh:
        ids = dict.fromkeys(draft.attachments)
        found = [there[each] for each in ids if each in there]
        owner = message.room_id, message.author_id
        if len(found) == len(ids) and {(f.room_id, f.uploader_id) for f in found} <= {owner}:
            taken[id(message)] = found
            for each in ids:
                del there[each]  # another message of the batch cannot have it
    return taken


def _cost(body: str) -> int:
    return 1 + MENTION_COST * len(mentioned_usernames(body))


def _answered(
    rooms: Mapping[int, Room], drafts: Sequence[Draft]
) -> dict[tuple[int, int | None], Message]:
    """By room and `seq`: the messages that the drafts answer."""
    wanted = {
        (room.pk, draft.reply_to)
        for draft in drafts
        if (room := rooms.get(draft.room.pk)) and 0 < (draft.reply_to or 0) <= room.last_rev
    }
    return {(each.room_id, each.seq): each for each in _messages(wanted)}


def _save_places(moved: Sequence[Membership]) -> None:
    """Write and publish the new places."""
    Membership.objects.bulk_create(  # one query for all: every row exists, so it is updated
        moved, update_conflicts=True, unique_fields=["id"], update_fields=["last_read"]
    )
    rooms = {membership.room for membership in moved}
    one_more = Membership.objects.filter(room=OuterRef("pk"))[READ_SHOWN_MEMBERS:]
    large = set(Room.objects.filter(Exists(one_more), pk__in=[room.pk for room in rooms]))
    for room in rooms:
        reads = [
            {"user_id": each.user_id, "seq": each.last_read}
            for each in moved
            if each.room_id == room.pk
        ]
        if room not in large:
            for read in reads:
                publish(room.topic, "read", read)
        else:
            events = (Event(room_list_topic.group(each["user_id"]), "read", each) for each in reads)
            publish_many(room.topic, events)
