"""What chat notifies people of: a mention, a reply, a direct message, an invitation."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from django.db.models import Q
from django.dispatch import receiver
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User, lock_people
from chat import signals
from chat.models import Invitation, Membership, Message, Room
from chat.signals import Posted
from notifications.actions import Notice, notify, notify_all, retell, retract
from notifications.kinds import Kind, register
from notifications.models import Notification
from notifications.queries import recipients_of, told, who_wants_everything
from realtime.tasks import enqueue_many, task
from realtime.viewing import View, viewers

EXCERPT_CHARACTERS = 140

MENTION = "chat.mention"
REPLY = "chat.reply"
DIRECT = "chat.direct"
MESSAGE = "chat.message"
INVITATION = "chat.invitation"


def _about_a_message(name: str, title: Promise, text: Promise) -> Kind:
    return Kind(name, title, text, excerpt="{excerpt}", icon="message", link=_to_the_message)


def _to_the_message(notification: Notification) -> str:
    slug = Room.topics.key(notification.target)
    return f"{Room.topics.link(slug)}?at={notification.data['seq']}"


register(_about_a_message(MENTION, _("Mentions"), _("{actor} mentioned you in {room}")))
register(_about_a_message(REPLY, _("Replies"), _("{actor} answered you in {room}")))
register(_about_a_message(DIRECT, _("Direct messages"), _("{actor} wrote to you")))
register(
    replace(
        _about_a_message(MESSAGE, _("All of chosen rooms"), _("{actor} wrote in {room}")),
        personal=False,
    )
)
register(
    Kind(
        INVITATION,
        _("Invitations"),
        _("{actor} invites you to {room}"),
        groups=INVITATION,
        link=lambda _: reverse("chat:home"),
    )
)


class Attention(NamedTuple):
    """By topic, the people who follow all of it; and who views which topic now."""

    following: Mapping[str, set[int]]
    viewing: Collection[View]


# Any, as `kwargs` here and below: whatever else a signal sends


@receiver(signals.messages_coming)
def attention(topics: Collection[str], addressed: Collection[str], **kwargs: Any) -> Attention:
    """Whom new messages in rooms may interest."""
    following = who_wants_everything(topics)
    return Attention(following, viewers({*addressed, *(t for t in topics if following[t])}))


@receiver(signals.messages_posted)
def posted(news: Sequence[Posted], answers: Mapping[object, Attention], **kwargs: Any) -> None:
    """Notify of new messages: one call for all messages of a transaction, see `notify_all`.

    Nobody gets two notices of a message, and its author none.
    """
    following, viewing = answers[attention]
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
        notify_all(notices, viewing)


@receiver(signals.message_edited)
def edited(
    message: Message,
    mentioned: Collection[int],
    before: Collection[int],
    viewing: Collection[View],
    **kwargs: Any,
) -> None:
    """A message was edited: its notifications quote it, and it may mention others than `before`.

    Whoever was notified of the message before, as of a reply, is not notified twice. A mention that
    is gone is told no more; to the author whom the message answers it becomes a reply, and to those
    who follow the room a message.
    """
    topic, key = message.room.topic, str(message.seq)
    happenings = told(target=topic, key=key)
    told_ids = set(recipients_of(happenings))
    newly = set(mentioned) - set(before) - told_ids - {message.author_id}
    lock_people(told_ids | newly)
    gone = (set(before) - set(mentioned)) & told_ids
    if gone:
        mentions = happenings.filter(kind=MENTION)
        for kind, user_ids in (
            (REPLY, _answered(message)),
            (MESSAGE, who_wants_everything([topic])[topic]),
        ):
            retell(mentions.filter(notification__recipient__in=gone & user_ids), become=kind)
            gone -= user_ids
        retract(mentions.filter(notification__recipient__in=gone))
    retell(happenings, excerpt=_excerpt(message))
    if newly:
        notify_all([_notice(MENTION, message, newly)], viewing)


@receiver(signals.message_deleted)
def deleted(message: Message, **kwargs: Any) -> None:
    """A message was deleted: its notifications quote it."""
    retract(told(target=message.room.topic, key=str(message.seq)))


@receiver(signals.person_invited)
def invited(invitation: Invitation, **kwargs: Any) -> None:
    notify(
        [invitation.user_id],
        INVITATION,
        actor=invitation.invited_by,
        target=invitation.room.topic,
        room=invitation.room.name,
    )


@receiver(signals.invitation_settled)
def invitation_settled(room: Room, user: User, **kwargs: Any) -> None:
    """An invitation was accepted, declined or withdrawn."""
    retract(told(target=room.topic, kind=INVITATION, notification__recipient=user))


@receiver(signals.member_left)
def member_left(room: Room, user: User, **kwargs: Any) -> None:
    """A person may no longer see the room, nor the notifications from it."""
    retract(told(target=room.topic, notification__recipient=user))


@receiver(signals.room_renamed)
def room_renamed(room: Room, **kwargs: Any) -> None:
    enqueue_many(retell_room, [(room.pk,)])


@task
def retell_room(room_id: int) -> None:
    """Call a room by its name as it is now in all that was told of it."""
    for room in Room.objects.filter(pk=room_id):
        retell(told(target=room.topic), room=room.name)


@receiver(signals.room_deleted)
def room_deleted(room: Room, **kwargs: Any) -> None:
    retract(told(target=room.topic))


def _notice(kind: str, message: Message, user_ids: set[int]) -> Notice:
    data = {
        "room": message.room.name,
        "seq": message.seq,
        "excerpt": _excerpt(message),
    }
    key = str(message.seq)
    return Notice(user_ids, kind, message.author, message.room.topic, data, key)


def _excerpt(message: Message) -> str:
    return message.words[:EXCERPT_CHARACTERS]


def _answered(message: Message) -> set[int]:
    """The author whom a message answers, if it answers one who is still in the room."""
    author = message.answered_author_id
    if author is None:
        return set()
    members = Membership.objects.filter(room=message.room_id, user=author)
    return set(members.values_list("user", flat=True))


def _members(news: Sequence[Posted], following: Mapping[str, set[int]]) -> dict[int, set[int]]:
    """By room: the members who were answered or follow a room; in direct rooms, both people."""
    people: dict[int, set[int | None]] = defaultdict(set)
    for each in news:
        room = each.message.room
        people[room.pk] |= {each.answered, *following.get(room.topic, ())} - {None}
    wanted = [Q(room=room_id, user__in=ids) for room_id, ids in people.items() if ids]
    if direct := {each.message.room_id for each in news if each.message.room.is_direct}:
        wanted.append(Q(room__in=direct))
    members: dict[int, set[int]] = defaultdict(set)
    if wanted:
        found = Membership.objects.filter(Q(*wanted, _connector=Q.OR))
        for room_id, user_id in found.values_list("room", "user"):
            members[room_id].add(user_id)
    return members
