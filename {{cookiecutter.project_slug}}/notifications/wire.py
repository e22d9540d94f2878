"""Notifications' data on the wire: what their frames carry, as types (see docs/protocol.md)."""

from datetime import datetime

from msgspec import Struct

from accounts.models import Person
from notifications.kinds import Kind, Wording, kind_of, word
from notifications.links import is_link
from notifications.models import Inbox, Notification

TEXT_CHARACTERS = 300


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


class Told(Struct, frozen=True):
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
    """The latest notifications: the data of `welcome` and of `reset`."""

    epoch: str
    unread: int
    read_rev: int
    notifications: list[NotificationData]
    more: bool


class Listed(Struct, frozen=True):
    notifications: list[NotificationData]
    more: bool


class Changes(Struct, frozen=True):
    epoch: str
    unread: int
    read_rev: int
    notifications: list[NotificationData]
    more: bool


class KindChoice(Struct, frozen=True):
    kind: str
    title: str
    level: str


class TargetChoice(Struct, frozen=True):
    target: str
    name: str
    level: str


class Preferences(Struct, frozen=True):
    kinds: list[KindChoice]
    targets: list[TargetChoice]
    digest: bool


def notification_data(notification: Notification) -> NotificationData:
    """The notification as a frame carries it; it must come with its actor."""
    gone = notification.deleted_at is not None
    kind = kind_of(notification)
    return NotificationData(
        id=notification.pk,
        seq=notification.seq,
        rev=notification.rev,
        kind=notification.kind,
        text="" if gone else text_of(notification, kind),
        excerpt="" if gone else _line(kind.excerpt, notification),
        link="" if gone else link_of(notification, kind),
        icon=kind.icon,
        actor=None if gone or notification.actor is None else notification.actor.as_person(),
        target=notification.target,
        count=notification.count,
        quiet=notification.quiet,
        created_at=notification.created_at,
        read_at=notification.read_at,
        deleted_at=notification.deleted_at,
    )


def text_of(notification: Notification, kind: Kind | None = None) -> str:
    """What happened, in one line of plain text."""
    return _line((kind or kind_of(notification)).text, notification)


def link_of(notification: Notification, kind: Kind | None = None) -> str:
    """Where the notification leads; empty for nowhere, and for what is no address of a page."""
    link = _line((kind or kind_of(notification)).link, notification, characters=None)
    return link if is_link(link) else ""


def page(inbox: Inbox, latest: Listed) -> Page:
    return Page(str(inbox.epoch), inbox.unread, inbox.read_rev, latest.notifications, latest.more)


def changes(inbox: Inbox, changed: Listed) -> Changes:
    return Changes(
        str(inbox.epoch), inbox.unread, inbox.read_rev, changed.notifications, changed.more
    )


def _line(
    wording: Wording, notification: Notification, characters: int | None = TEXT_CHARACTERS
) -> str:
    try:
        text = " ".join(word(wording, notification).split())
    except (KeyError, AttributeError, IndexError, ValueError):  # data older than its kind's wording
        return ""
    if characters is None or len(text) <= characters:
        return text
    return f"{text[: characters - 1]}…"
