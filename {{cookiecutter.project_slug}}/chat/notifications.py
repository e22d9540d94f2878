"""What chat notifies people of: a mention, a reply, a direct message, an invitation."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from django.db.models import Q
from django.urls import reverse

from accounts.models import User
from chat.models import Invitation, Membership, Message, Room
from chat.queries import in_rooms
from notifications.actions import Notice, notify, notify_all, retract
from notifications.kinds import Kind, register
from notifications.models import Notification
from notifications.queries import who_wants_everything
from presence.stores import View
from presence.viewing import viewers

EXCERPT_CHARACTERS = 140

MENTION = "chat.mention"
REPLY = "chat.reply"
DIRECT = "chat.direct"
MESSAGE = "chat.message"
INVITATION = "chat.invitation"


def register_kinds() -> None:
    register(_about_a_message(MENTION, "Mentions", "{actor} mentioned you in {room}"))
    register(_about_a_message(REPLY, "Replies", "{actor} answered you in {room}"))
    register(_about_a_message(DIRECT, "Direct messages", "{actor} wrote to you"))
    everything = _about_a_message(MESSAGE, "All of chosen rooms", "{actor} wrote in {room}")
    register(replace(everything, personal=False))
    invitation = Kind(INVITATION, "Invitations", "{actor} invites you to {room}")
    register(replace(invitation, groups=INVITATION, link=lambda _: reverse("chat:home")))


def _about_a_message(name: str, title: str, text: str) -> Kind:
    return Kind(name, title, text, excerpt="{excerpt}", icon="message")


class Attention(NamedTuple):
    """By topic, the people who follow all of it; and who views which topic now."""

    following: Mapping[str, set[int]]
    viewing: Collection[View]


def attention(topics: Collection[str], addressed: Collection[str]) -> Attention:
    """Whom new messages in rooms may interest. Ask before the rooms are locked: this asks Redis.

    Args:
        topics: of the rooms.
        addressed: those of them in which a message is meant for somebody in particular.
    """
    following = who_wants_everything(topics)
    return Attention(following, viewers({*addressed, *(t for t in topics if following[t])}))


class Posted(NamedTuple):
    """A new message, with those whom it may concern."""

    message: Message
    mentioned: list[User]
    answered: int | None
    """The author of the message that it answers."""


def posted(news: Sequence[Posted], attention: Attention) -> None:
    """Notify of new messages: one call for all messages of a transaction, see `notify_all`.

    Nobody gets two notices of a message, and its author none.
    """
    following = attention.following
    members = _members(news, following)
    notices: list[Notice] = []
    for message, mentioned, answered in news:
        room = message.room
        present = members.get(room.pk, set())
        by_kind: dict[str, set[int]] = {
            DIRECT: present if room.is_direct else set(),
            MENTION: {user.pk for user in mentioned},
            REPLY: present & {answered},
            MESSAGE: present & following.get(room.topic, set()),
        }
        notified = {message.author_id}
        for kind, user_ids in by_kind.items():
            if user_ids - notified:
                notices.append(_notice(kind, message, user_ids - notified))
            notified |= user_ids
    if notices:
        notify_all(notices, attention.viewing)


def edited(message: Message, newly_mentioned: Collection[int], viewing: Collection[View]) -> None:
    """Notify those whom the edited text mentions, and the text before it did not.

    Whoever was notified of the message before, as of a reply or of a mention that was removed and
    added again, is not notified twice.
    """
    if not newly_mentioned:
        return
    notified = Notification.objects.filter(
        target=message.room.topic,
        recipient__in=newly_mentioned,
        deleted_at=None,
        data__seq=message.seq,
    ).values_list("recipient", flat=True)
    user_ids = set(newly_mentioned) - set(notified) - {message.author_id}
    notify_all([_notice(MENTION, message, user_ids)], viewing)


def deleted(message: Message) -> None:
    """A message was deleted: its notifications quote it."""
    retract(message.room.topic, seq=message.seq)


def invited(invitation: Invitation) -> None:
    notify(
        [invitation.user_id],
        INVITATION,
        actor=invitation.invited_by,
        target=invitation.room.topic,
        room=invitation.room.name,
    )


def invitation_settled(room: Room, user: User) -> None:
    """An invitation was accepted, declined or withdrawn."""
    retract(room.topic, kind=INVITATION, recipients=[user])


def member_left(room: Room, user: User) -> None:
    """A person may no longer see the room, nor the notifications from it."""
    retract(room.topic, recipients=[user])


def room_deleted(room: Room) -> None:
    retract(room.topic)


def _notice(kind: str, message: Message, user_ids: set[int]) -> Notice:
    data = {
        "room": message.room.name,
        "seq": message.seq,
        "excerpt": message.body[:EXCERPT_CHARACTERS],
    }
    return Notice(user_ids, kind, message.author, message.room.topic, data)


def _members(news: Iterable[Posted], following: Mapping[str, set[int]]) -> dict[int, set[int]]:
    """By room: the members who were answered or follow it; in a direct room, both of its people."""
    wanted: dict[int, set[int]] = defaultdict(set)
    direct = [message.room_id for message, _, _ in news if message.room.is_direct]
    for message, _, answered in news:
        wanted[message.room_id] |= following.get(message.room.topic, set())
        if answered is not None:
            wanted[message.room_id].add(answered)
    wanted = {room_id: user_ids for room_id, user_ids in wanted.items() if user_ids}
    members: dict[int, set[int]] = defaultdict(set)
    if wanted or direct:
        found = Membership.objects.filter(Q(room__in=direct) | in_rooms(wanted, "user__in"))
        for room_id, user_id in found.values_list("room", "user"):
            members[room_id].add(user_id)
    return members
