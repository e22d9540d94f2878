"""What chat has people told of: a mention, a reply, a direct message, an invitation."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

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
    invitation = Kind(INVITATION, "Invitations", "{actor} invites you to {room}", groups=False)
    register(replace(invitation, link=lambda _: reverse("chat:home")))


def _about_a_message(name: str, title: str, text: str) -> Kind:
    return Kind(name, title, text, link=_room_link, excerpt="{excerpt}", icon="message")


class Attention(NamedTuple):
    """Who is told of messages in some rooms whatever they say, and who views the rooms now."""

    wanting: Mapping[str, Collection[int]]
    viewing: Collection[View]


def attention(topics: Collection[str], addressed: Collection[str]) -> Attention:
    """Read it before the rooms are locked, since it may ask Redis.

    Args:
        topics: of the rooms.
        addressed: those of them in which a message is meant for somebody in particular.
    """
    wanting = who_wants_everything(topics)
    heard = {topic for topic, people in wanting.items() if people}
    return Attention(wanting, viewers(heard.union(addressed)))


def posted(messages: Sequence[tuple[Message, list[User]]], attention: Attention) -> None:
    """Tell those whom new messages, each with the members that it names, are meant for.

    One call for all messages of a transaction, see `notify_all`.
    """
    rooms = {message.room_id: message.room for message, _ in messages}
    answered = _authors_answered([message for message, _ in messages])
    attentive = _who_wants_all(rooms.values(), attention.wanting)
    direct = _members(pk for pk, room in rooms.items() if room.is_direct)
    notices: list[Notice] = []
    for message, named in messages:
        others = _OnceEach(message.author_id)
        notices += others.tell(DIRECT, message, direct.get(message.room_id, ()))
        notices += others.tell(MENTION, message, (user.pk for user in named))
        notices += others.tell(
            REPLY, message, answered.get((message.room_id, message.reply_to), ())
        )
        notices += others.tell(MESSAGE, message, attentive.get(message.room_id, ()))
    notify_all(notices, attention.viewing)


def edited(message: Message, newly_named: Collection[int], viewing: Collection[View]) -> None:
    """Tell those whom other words of a message name for the first time.

    Whoever was told of the message already, as its answer or as a mention that was taken out and
    put in again, is not told twice.
    """
    if not newly_named:
        return
    told = Notification.objects.filter(
        target=message.room.topic,
        recipient__in=newly_named,
        deleted_at=None,
        data__seq=message.seq,
    ).values_list("recipient", flat=True)
    notices = _OnceEach(message.author_id).tell(MENTION, message, set(newly_named) - set(told))
    notify_all(notices, viewing)


def taken_back(room: Room, message: Message) -> None:
    """A message was deleted: what people were told of it has its words."""
    retract(room.topic, seq=message.seq)


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


def left(room: Room, user: User) -> None:
    """The room is out of a person's reach now, and so is what they were told of it."""
    retract(room.topic, recipients=[user])


def deleted(room: Room) -> None:
    retract(room.topic)


class _OnceEach:
    """Notices of one message: nobody gets two of them, and its author none."""

    def __init__(self, author_id: int) -> None:
        self._told = {author_id}

    def tell(self, kind: str, message: Message, user_ids: Iterable[int]) -> list[Notice]:
        new = set(user_ids) - self._told
        self._told |= new
        if not new:
            return []
        data = {
            "room": message.room.name,
            "slug": message.room.slug,
            "seq": message.seq,
            "excerpt": message.body[:EXCERPT_CHARACTERS],
        }
        return [Notice(new, kind, message.author, message.room.topic, data)]


def _authors_answered(messages: list[Message]) -> dict[tuple[int, int | None], set[int]]:
    """By room and answered `seq`: the author, where they are still in the room."""
    seqs = _sets((each.room_id, each.reply_to) for each in messages if each.reply_to is not None)
    if not seqs:
        return {}
    answered = Message.objects.filter(in_rooms(seqs, "seq__in"))
    authors = list(answered.values_list("room", "seq", "author"))
    present = _present(_sets((room_id, author) for room_id, _, author in authors))
    return {(room_id, seq): {author} & present[room_id] for room_id, seq, author in authors}


def _who_wants_all(
    rooms: Iterable[Room], wanting: Mapping[str, Collection[int]]
) -> dict[int, set[int]]:
    """By room: the members who are told of everything in it."""
    return _present({room.pk: set(people) for room in rooms if (people := wanting[room.topic])})


def _members(direct_rooms: Iterable[int]) -> dict[int, set[int]]:
    room_ids = list(direct_rooms)
    if not room_ids:
        return {}
    return _sets(Membership.objects.filter(room__in=room_ids).values_list("room", "user"))


def _present(users: dict[int, set[int]]) -> dict[int, set[int]]:
    """Those of some users, by room, who are members of it."""
    if not users:
        return {}
    members = Membership.objects.filter(in_rooms(users, "user__in")).values_list("room", "user")
    return {room_id: set[int]() for room_id in users} | _sets(members)


def _sets(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    sets: dict[int, set[int]] = {}
    for key, value in pairs:
        sets.setdefault(key, set()).add(value)
    return sets


def _room_link(notification: Notification) -> str:
    return reverse("chat:room", args=[notification.data["slug"]])
