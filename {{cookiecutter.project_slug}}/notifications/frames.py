"""The data of notifications' frames, as types (see docs/protocol.md)."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from accounts.models import Person
from realtime.protocol import Revision, TopicName

PAGE_NOTIFICATIONS = 20
LONGEST_PAGE_NOTIFICATIONS = 100


# What clients send


class GetList(Struct, forbid_unknown_fields=True):
    before: Revision | None = None
    limit: Annotated[int, Meta(ge=1, le=LONGEST_PAGE_NOTIFICATIONS)] = PAGE_NOTIFICATIONS


class One(Struct, forbid_unknown_fields=True):
    id: Revision


class All(Struct, forbid_unknown_fields=True):
    pass


class Read(Struct, forbid_unknown_fields=True):
    """One notification, or all of a target: one of the two."""

    id: Revision | None = None
    target: TopicName | None = None


# What they are sent


class NotificationData(Struct, frozen=True):
    id: int
    seq: int
    rev: int
    kind: str
    text: str
    excerpt: str
    link: str
    icon: str
    actor: Person | None
    target: str
    count: int
    quiet: bool
    created_at: datetime
    read_at: datetime | None
    deleted_at: datetime | None


class NotificationChange(Struct, frozen=True):
    """The data of `notification.created` and `notification.updated`."""

    notification: NotificationData
    unread: int


class Deleted(Struct, frozen=True):
    id: int
    unread: int


class Unread(Struct, frozen=True):
    """Everything that last changed before `read_rev` is read."""

    count: int
    read_rev: int


class Page(Struct, frozen=True):
    """The latest notifications: the data of `welcome` and `reset`; or `changes`, in their order."""

    epoch: str
    unread: int
    read_rev: int
    notifications: list[NotificationData]
    more: bool


class Unseen(Struct, frozen=True):
    """How many are unread now: the answer to what reads or deletes some."""

    unread: int


class Listed(Struct, frozen=True):
    notifications: list[NotificationData]
    more: bool
