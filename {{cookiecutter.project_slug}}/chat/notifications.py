"""What chat notifies people of: a mention, a reply, a direct message, an invitation."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from django.urls import reverse

from accounts.models import User
from chat.models import Invitation, Membership, Message, Room
from chat.queries import in_rooms
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
    slugs = None if keys is None else [Room.topics.key(key) for key in keys]
    names = Room.topics.names_for(user.pk, slugs)
    return [Target(Room.topics.group(slug), name) for slug, name in names.items()]


def posted(messages: Sequence[tuple[Message, list[User]]]) -> None:
    """Notify of new messages, each given with the members that it mentions.

    One call for all messages of a transaction, see `notify_all`.
    """
    rooms = {message.room_id: message.room for message, _ in messages}
    answered = _authors_answered([message for message, _ in messages])
    everything = _who_wants_everything(rooms.values())
    direct = _members(pk for pk, room in rooms.items() if room.is_direct)
    notices: list[Notice] = []
    for message, mentioned in messages:
        dedup = RecipientDedup(message)
        notices += dedup.notices(DIRECT, direct.get(message.room_id, ()))
        notices += dedup.notices(MENTION, (user.pk for user in mentioned))
        notices += dedup.notices(REPLY, answered.get((message.room_id, message.reply_to), ()))
        notices += dedup.notices(MESSAGE, everything.get(message.room_id, ()))
    notify_all(notices)


def edited(message: Message, newly_mentioned: Collection[int]) -> None:
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
    user_ids = set(newly_mentioned) - set(notified)
    notify_all(RecipientDedup(message).notices(MENTION, user_ids))


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


class RecipientDedup:
    """The notices of one message: nobody gets two of them, and its author none."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._notified = {message.author_id}

    def notices(self, kind: str, user_ids: Iterable[int]) -> list[Notice]:
        new = set(user_ids) - self._notified
        self._notified |= new
        if not new:
            return []
        message = self._message
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


def _who_wants_everything(rooms: Iterable[Room]) -> dict[int, set[int]]:
    """By room: the members who are notified of everything in it."""
    topics = {room.topic: room.pk for room in rooms}
    wanting = who_wants_everything(topics)
    return _present({topics[topic]: users for topic, users in wanting.items() if users})


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
