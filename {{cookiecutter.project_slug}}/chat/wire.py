"""Chat's data on the wire: what its frames carry, as types (see docs/protocol.md).

These are plain values: they may leave the thread and the transaction that they were read in.
"""

from datetime import datetime
from typing import TypedDict

from msgspec import Raw, Struct

from accounts.models import Person, User
from chat.models import Membership, Message, Room


class ReactionData(Struct, frozen=True):
    emoji: str
    users: list[int]


class MessageData(Struct, frozen=True):
    seq: int
    rev: int
    client_id: str
    author: Person
    body: str
    reply_to: int | None
    mentions: list[str]
    reactions: list[ReactionData]
    created_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None


class RoomData(Struct, frozen=True):
    slug: str
    name: str
    kind: str
    about: str


class MemberPerson(Person):
    role: str


class ReaderPerson(MemberPerson):
    last_read: int


class LastMessage(Struct, frozen=True):
    author: Person
    body: str
    created_at: datetime


class RoomSummary(Struct, frozen=True):
    """A room in a person's list of rooms."""

    slug: str
    name: str
    kind: str
    rev: int
    unread: int
    mentioned: bool
    last_message: LastMessage | None
    person: Person | None
    """The other one, in a direct room."""


class Welcome(Struct, frozen=True):
    epoch: str
    room: RoomData
    you: ReaderPerson
    members: Raw
    """A list of `ReaderPerson`, encoded once for all who come."""
    member_count: int


class Inbox(Struct, frozen=True):
    rooms: list[RoomSummary]


class Changes(Struct, frozen=True):
    epoch: str
    messages: list[MessageData]
    more: bool


class History(Struct, frozen=True):
    messages: list[MessageData]
    more: bool


class Reset(Struct, frozen=True):
    epoch: str


class RoomPage(TypedDict):
    """What the room's page is started with."""

    slug: str
    name: str
    kind: str
    epoch: str
    rev: int
    you: ReaderPerson
    socket: str


def message_data(message: Message, mentioned: list[User] | None = None) -> MessageData:
    """The message as a frame carries it; see `chat.queries.with_people` for what it must come with.

    Args:
        mentioned: given for a message that is new, and so has no reactions yet.
    """
    if mentioned is None:
        usernames = [mention.user.username for mention in message.mentions.all()]
        reactions = _reaction_data(message)
    else:
        usernames = [user.username for user in mentioned]
        reactions = []
    return MessageData(
        seq=message.seq,
        rev=message.rev,
        client_id=message.client_id,
        author=message.author.as_person(),
        body=message.body,
        reply_to=message.reply_to,
        mentions=usernames,
        reactions=reactions,
        created_at=message.created_at,
        edited_at=message.edited_at,
        deleted_at=message.deleted_at,
    )


def _reaction_data(message: Message) -> list[ReactionData]:
    users: dict[str, list[int]] = {}
    for reaction in message.reactions.all():
        users.setdefault(reaction.emoji, []).append(reaction.user_id)
    return [ReactionData(emoji, ids) for emoji, ids in users.items()]


def room_data(room: Room) -> RoomData:
    return RoomData(room.slug, room.name, room.kind, room.about)


def member_data(membership: Membership) -> MemberPerson:
    return {**membership.user.as_person(), "role": membership.role}


def reader_data(membership: Membership) -> ReaderPerson:
    return {**member_data(membership), "last_read": membership.last_read}
