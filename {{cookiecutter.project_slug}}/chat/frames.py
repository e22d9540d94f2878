"""Chat's part of the wire: the data of its commands and of its events, see docs/protocol.md."""

from datetime import datetime
from typing import Annotated, TypedDict
from uuid import UUID

from msgspec import Meta, Struct

from accounts.models import Person
from realtime.protocol import Revision, ShortText, Text

PAGE_MESSAGES = 50
LONGEST_PAGE_MESSAGES = 200
ATTACHMENTS_PER_MESSAGE = 10


# Commands


class SendMessage(Struct, forbid_unknown_fields=True):
    client_id: ShortText
    body: Text = ""
    reply_to: Revision | None = None
    attachments: Annotated[list[UUID], Meta(max_length=ATTACHMENTS_PER_MESSAGE)] = []
    """Of the author's own uploads to this room; with them the body may be empty."""


class EditMessage(Struct, forbid_unknown_fields=True):
    seq: Revision
    body: Text


class DeleteMessage(Struct, forbid_unknown_fields=True):
    seq: Revision


class StopMessage(Struct, forbid_unknown_fields=True):
    seq: Revision


class ToggleReaction(Struct, forbid_unknown_fields=True):
    seq: Revision
    emoji: ShortText
    on: bool | None = None
    """Whether it is to be there afterwards; without it, the other of what it is now."""


class Typing(Struct, forbid_unknown_fields=True):
    pass


class Read(Struct, forbid_unknown_fields=True):
    seq: Revision


class GetHistory(Struct, forbid_unknown_fields=True):
    """Without a place the latest messages; of several places the first is taken."""

    around: Revision | None = None
    after: Revision | None = None
    before: Revision | None = None
    limit: Annotated[int, Meta(ge=1, le=LONGEST_PAGE_MESSAGES)] = PAGE_MESSAGES


# Events and answers: plain values, which may leave the thread and the transaction.


class ReactionData(Struct, frozen=True):
    emoji: str
    users: list[int]


class AttachmentData(Struct, frozen=True):
    id: UUID
    name: str
    type: str
    size: int
    width: int | None
    """Of a picture, in pixels as it is seen; None for any other file."""
    height: int | None
    url: str
    thumbnail: str | None
    """The address of a small picture, once it is made."""


class QuoteData(Struct, frozen=True):
    """The message that another one answers, as it was when this was sent."""

    author: Person
    text: str
    """Its beginning, on one line and without marks; empty once it is deleted."""


class PreviewData(TypedDict):
    """What the page says of itself to which a message links: one line each, as plain text."""

    url: str
    """Where the message links to."""
    site: str
    """The host there."""
    title: str
    description: str
    """May be empty."""


class MessageData(Struct, frozen=True):
    seq: int
    rev: int
    client_id: str
    author: Person
    body: str
    html: str
    """The body's Markdown as HTML, safe to be put into a page."""
    reply_to: int | None
    quote: QuoteData | None
    mentions: list[str]
    reactions: list[ReactionData]
    attachments: list[AttachmentData]
    preview: PreviewData | None
    """Of its first link, once that is fetched."""
    created_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    writing: bool
    """Whether it still grows: `message.growing` tells what it has so far."""


class RoomData(Struct, frozen=True):
    slug: str
    name: str
    kind: str
    about: str
    archived: bool


class MemberPerson(Person):
    role: str


class ReaderPerson(MemberPerson):
    last_read: int


class Welcome(Struct, frozen=True):
    epoch: str
    room: RoomData
    you: ReaderPerson
    members: list[ReaderPerson]
    member_count: int


class ReadUpTo(Struct, frozen=True):
    seq: int


class History(Struct, frozen=True):
    messages: list[MessageData]
    more: bool
    """Whether there are earlier ones."""
    newer: bool
    """Whether there are later ones."""


class Changes(Struct, frozen=True):
    epoch: str
    messages: list[MessageData]
    more: bool


class Reset(Struct, frozen=True):
    epoch: str


class LastMessage(Struct, frozen=True):
    author: Person
    body: str
    """Its beginning, on one line and without marks."""
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


class RoomList(Struct, frozen=True):
    rooms: list[RoomSummary]


class MessageGrowing(Struct, frozen=True):
    seq: int
    body: str
    html: str


class PersonTyping(Struct, frozen=True):
    user: Person


class PersonRead(Struct, frozen=True):
    user_id: int
    seq: int


class MemberChange(Struct, frozen=True):
    member: MemberPerson


class MemberLeft(Struct, frozen=True):
    user_id: int


class RoomChange(Struct, frozen=True):
    room: RoomData
