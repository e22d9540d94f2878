"""What chat has people told of: a mention, a reply, a direct message, an invitation."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from django.db.models import QuerySet
from django.urls import reverse

from accounts.models import User
from chat.inbox import named_for, rooms_of
from chat.models import Invitation, Membership, Message, Room
from chat.topics import room_slug, room_topic
from notifications.actions import Notice, notify, notify_all, retract
from notifications.kinds import Kind, register
from notifications.models import Notification
from notifications.queries import who_wants_everything
from notifications.targets import Target, targets

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


@targets("chat")
def rooms_followed(user: User, keys: Collection[str] | None) -> list[Target]:
    """The rooms that the user is in."""
    if keys is None:
        return [Target(room_topic(room.slug), room.name) for room in rooms_of(user)]
    memberships = Membership.objects.filter(user=user, room__slug__in=map(room_slug, keys))
    return [
        Target(membership.room.topic, named_for(user, membership.room).name)
        for membership in memberships.select_related("room")
    ]


def posted(room: Room, messages: Sequence[tuple[Message, list[User]]]) -> None:
    """Tell those whom new messages, each with the members that it names, are meant for.

    One call for all messages of a transaction, see `notify_all`.
    """
    answered = _authors_answered(room, [message for message, _ in messages])
    attentive = _who_wants_all(room)
    notices: list[Notice] = []
    for message, named in messages:
        others = _OnceEach(message.author_id)
        if room.is_direct:
            notices += others.tell(DIRECT, message, _member_ids(room))
        notices += others.tell(MENTION, message, (user.pk for user in named))
        notices += others.tell(REPLY, message, answered.get(message.reply_to or 0, ()))
        notices += others.tell(MESSAGE, message, attentive)
    notify_all(notices)


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


def _authors_answered(room: Room, messages: list[Message]) -> dict[int, set[int]]:
    """For each answered message's `seq`, its author, where they are still in the room."""
    seqs = {message.reply_to for message in messages if message.reply_to is not None}
    if not seqs:
        return {}
    authors = dict(room.messages.filter(seq__in=seqs).values_list("seq", "author"))
    present = set(_member_ids(room).filter(user__in=authors.values()))
    return {seq: {author} & present for seq, author in authors.items()}


def _who_wants_all(room: Room) -> set[int]:
    return set(_member_ids(room).filter(user__in=who_wants_everything(room.topic)))


def _member_ids(room: Room) -> QuerySet[Membership, int]:
    return room.memberships.values_list("user", flat=True)


def _room_link(notification: Notification) -> str:
    return reverse("chat:room", args=[notification.data["slug"]])
