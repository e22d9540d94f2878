"""The verbs of notifications: the only code that writes their tables.

Each is synchronous, tells the sockets on commit, and raises `realtime.protocol.Refusal` for what is
not allowed. Call them from views, consumers (through `in_database`), the admin, signals, commands
and threads alike, in a transaction or not.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Max, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from notifications import kinds
from notifications.frames import Deleted, NotificationChange, Unread
from notifications.kinds import Level, TargetLevel
from notifications.models import (
    HAPPENINGS_KEPT,
    TARGET_CHARACTERS,
    TOLD_FIELDS,
    UNREAD,
    Happening,
    Inbox,
    KindPreference,
    Notification,
    TargetPreference,
)
from notifications.queries import (
    Levels,
    Recipients,
    ids_of,
    in_chunks,
    recipients_of,
    unread_count,
)
from realtime.delivery.publishing import Event, publish, publish_many
from realtime.feeds.changes import Changes, changing
from realtime.progress import Advance, silently
from realtime.protocol import ErrorCode, Refusal
from realtime.topics import topic_of
from realtime.viewing import View, viewers

notified = Signal()
"""Sent with `notifications`, rows that their people want brought to them, in the transaction that
writes these rows and while it locks their people: enqueue a task."""

BATCH_HAPPENINGS = 500
FOLDED = [*TOLD_FIELDS, "count", "quiet"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell.

    Args:
        recipients: users or their ids, or a queryset of users. Those who do not exist, are
            deactivated, prefer not to hear of it, view the target or are the actor are left out.
        kind: registered with `notifications.kinds`.
        actor: who did it.
        target: where it happened, such as `chat:general`.
        data: what the kind's text and link are made of; JSON, dates and UUIDs.
        key: what happened, such as a message's number in a room: by it, `retell` and `retract`
            find this happening.
    """

    recipients: Recipients
    kind: str
    actor: User | None = None
    target: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
    key: str = ""

    @property
    def group(self) -> str:
        """Unread notifications of one group fold into one; empty for what does not fold."""
        groups = kinds.get(self.kind).groups
        return groups if isinstance(groups, str) else self.target if groups else ""


def notify(
    recipients: Recipients,
    kind: str,
    actor: User | None = None,
    target: str = "",
    key: str = "",
    **data: object,
) -> int:
    """Tell people that something has happened; see `Notice`. Returns how many are told.

    Outside a transaction every few hundred people are committed by themselves; in one, all with it,
    and those who view the target are told too (see `notify_all`).

    Raises:
        UnknownKind: nobody has registered the kind.
        KeyError: its text needs something that is not in `data`.
        ValueError: the target's name or the key is too long.
    """
    return notify_all([Notice(recipients, kind, actor, target, data, key)])


def notify_all(notices: Sequence[Notice], viewing: Collection[View] | None = None) -> int:
    """Tell of several things at once; returns how many notifications came of it.

    Args:
        viewing: the people, each with the target, who view one of the targets now: what
            `realtime.viewing.viewers` returned before the caller's transaction began. Without it
            this asks by itself; inside a transaction, nobody is then taken to view anything.

    Call this once in a transaction, for all of its notices: two transactions that notified twice
    could lock the same people in opposite orders, and deadlock.
    """
    for notice in notices:
        _check(notice)
    wanted_by = [(notice, ids_of(notice.recipients)) for notice in notices]
    everyone = set[int]().union(*(ids for _, ids in wanted_by))
    return sum(_tell(chunk, wanted_by, viewing) for chunk in in_chunks(everyone))


def retract(happenings: QuerySet[Happening]) -> int:
    """Take back what people were told, as when an invitation is withdrawn.

    What was folded with it stays; a notification of which nothing is left is deleted.

    Args:
        happenings: from `notifications.queries.told`.

    Returns:
        How often somebody had been told.
    """
    return _retell(happenings, lambda some: some.delete()[0])


def retell(happenings: QuerySet[Happening], *, become: str = "", **data: object) -> int:
    """Tell people anew what they were told, as when the words are edited that it quotes.

    Args:
        happenings: from `notifications.queries.told`.
        become: the kind that it is from now on; by default, it stays what it is.
        data: what changes in its data.
    """

    def change(some: QuerySet[Happening]) -> int:
        changed = list(some)
        for happening in changed:
            happening.kind = become or happening.kind
            happening.data |= data
        if become or data:
            Happening.objects.bulk_update(changed, ["kind", "data"], BATCH_HAPPENINGS)
        return len(changed)

    return _retell(happenings, change)


# Reading and deleting


def mark_read(user: User, notification_id: int) -> int:
    """Mark one as read; doing so twice is harmless. Returns how many are unread.

    Raises:
        Refusal: `not_found`, the user has no such notification.
    """
    with Inbox(user=user).changing() as changes:
        notification = changes.get(Notification, pk=notification_id, deleted_at=None)
        if notification.read_at is None:
            _read(changes, [notification])
    return changes.feed.unread


def mark_target_read(user: User, target: str) -> int:
    """Mark as read what was told of a target. Returns how many are unread altogether."""
    unread = Notification.objects.filter(UNREAD, recipient=user, target=target).order_by("seq")
    if not unread.exists():
        return unread_count(user.pk)
    with Inbox(user=user).changing() as changes:
        _read(changes, changes.select(unread))
    return changes.feed.unread


def mark_all_read(user: User) -> int:
    """Mark everything as read, however much it is, by one change. Returns 0: what is unread."""
    with changing(Inbox.objects.filter(user=user, unread__gt=0)) as changes:
        for inbox in changes.feeds.values():
            unread = Notification.objects.filter(UNREAD, recipient=user)
            unread.update(read_at=timezone.now())
            inbox.unread = 0
            inbox.read_rev = rev = changes.mark(inbox)
            publish(inbox.topic, "unread", Unread(0, rev), rev, group=inbox.group)
    return 0


def delete(user: User, notification_id: int) -> int:
    """Take one off the list for good. Returns how many are unread.

    Raises:
        Refusal: `not_found`, the user has no such notification.
    """
    with Inbox(user=user).changing() as changes:
        _delete_all(changes, [changes.get(Notification, pk=notification_id, deleted_at=None)])
    return changes.feed.unread


def prune(before: datetime, advance: Advance = silently) -> int:
    """Drop notifications that were read or deleted before a moment; returns how many.

    A client that last heard of anything before then starts over when it resumes.
    """
    old = Notification.objects.filter(Q(read_at__lt=before) | Q(deleted_at__lt=before))
    dropped = 0
    recipients = list(old.order_by().values_list("recipient", flat=True).distinct())
    for chunk in in_chunks(recipients):
        with Inbox.changing_of(chunk) as changes:
            dropped += changes.prune(old)
        advance(len(chunk), len(recipients))
    return dropped


# Choosing what to be told of


def set_preference(user: User, kind: str, level: str) -> None:
    """Choose how much to hear of a kind of notification.

    Raises:
        Refusal: `invalid` (no such level), `not_found` (no such kind).
    """
    _check_level(level, Level.values)
    try:
        kinds.get(kind)
    except kinds.UnknownKind:
        raise Refusal(ErrorCode.NOT_FOUND, _("There is no such kind of notification.")) from None
    KindPreference.objects.update_or_create(user=user, kind=kind, defaults={"level": level})


def set_target_preference(user: User, target: str, level: str) -> None:
    """Choose how much to hear of a target, such as a room.

    Raises:
        Refusal: `invalid` (no such level), `not_found` (no such target in the user's reach).
    """
    _check_level(level, TargetLevel.values)
    topic = topic_of(target)
    if topic is None or not topic.names_for(user.pk, [topic.key(target)]):
        detail = _("There is no %(target)s that you can follow.") % {"target": target}
        raise Refusal(ErrorCode.NOT_FOUND, detail)
    if level == TargetLevel.MENTIONS:  # as where nothing is chosen
        TargetPreference.objects.filter(user=user, target=target).delete()
    else:
        TargetPreference.objects.update_or_create(
            user=user, target=target, defaults={"level": level}
        )


def set_digest(user: User, wanted: bool) -> None:
    """Choose whether to be e-mailed about what stays unread."""
    Inbox.get_or_make([user.pk])
    Inbox.objects.filter(user=user).update(digest=wanted)


# Writing what is told


def _check(notice: Notice) -> None:
    kind = kinds.get(notice.kind)
    if len(notice.target) > TARGET_CHARACTERS:
        raise ValueError(f"A target has at most {TARGET_CHARACTERS} characters: {notice.target}")
    if len(notice.key) > TARGET_CHARACTERS:
        raise ValueError(f"A key has at most {TARGET_CHARACTERS} characters: {notice.key}")
    sample = _blank_row(notice)
    for wording in (kind.text, kind.link, kind.excerpt):
        kinds.word(wording, sample)


def _tell(
    user_ids: list[int],
    wanted_by: list[tuple[Notice, set[int]]],
    viewing: Collection[View] | None,
) -> int:
    if viewing is None:
        viewing = viewers({notice.target for notice, _ in wanted_by if notice.target})
    with Inbox.changing_of(user_ids, is_active=True, is_bot=False) as changes:
        writer = NotificationWriter(changes, [notice for notice, _ in wanted_by])
        for notice, ids in wanted_by:
            actor = notice.actor.pk if notice.actor else None
            for pk in sorted(ids & changes.feeds.keys()):
                if pk != actor and (pk, notice.target) not in viewing:
                    writer.tell(pk, notice)
        return writer.save()


class NotificationWriter:
    """Writes what one transaction tells: few queries, however many notices and people there are.

    A row takes one number, however often it is folded into meanwhile: it is one change.
    """

    def __init__(self, changes: Changes[Inbox], notices: Sequence[Notice]) -> None:
        self._changes = changes
        self._levels = Levels(
            changes.feeds, {notice.kind for notice in notices}, {each.target for each in notices}
        )
        self._open = self._unread_by_group({notice.group for notice in notices} - {""})
        """By recipient and group, the rows that more is folded into."""
        self._rows: dict[int, Notification] = {}  # those that tell something new, by `id`
        self._loud: set[int] = set()  # those of them whose people want it brought to them
        self._happenings: list[Happening] = []
        self._now = timezone.now()

    def tell(self, user_id: int, notice: Notice) -> None:
        """Make or fold a row for someone, unless they do not want to be told of it."""
        level = self._levels.of(user_id, kinds.get(notice.kind), notice.target)
        if level == Level.NOTHING:
            return
        row = self._row(user_id, notice)
        happening = Happening(
            notification=row,
            kind=notice.kind,
            actor=notice.actor,
            target=notice.target,
            key=notice.key,
            data=dict(notice.data),
            quiet=level != Level.EVERYTHING,
            created_at=self._now,
        )
        self._happenings.append(happening)
        row.tell(happening)
        row.count += 1
        if not happening.quiet:
            row.quiet = False  # once loud, it stays so until it is read
            self._loud.add(id(row))

    def save(self) -> int:
        """Write and publish the rows; returns how many times somebody was told."""
        rows = list(self._rows.values())
        names = ["updated" if row.pk else "created" for row in rows]
        crowded = [row for row in rows if row.count > HAPPENINGS_KEPT]
        for row in crowded:
            row.count = HAPPENINGS_KEPT
        self._changes.move(*rows, fields=FOLDED)
        Happening.objects.bulk_create(self._happenings)
        _forget_oldest(crowded)
        for row in rows:
            row.quiet = id(row) not in self._loud  # for the event: what is loud now
        events = (_event(self._changes, *each) for each in zip(rows, names, strict=True))
        publish_many(Inbox.topics.name, events)
        if loud := [row for row in rows if not row.quiet]:
            notified.send(Notification, notifications=loud)
        return len(self._happenings)

    def _row(self, user_id: int, notice: Notice) -> Notification:
        key = user_id, notice.group
        row = self._open.get(key)
        if row is None:
            row = _blank_row(notice, user_id)
            self._changes.feeds[user_id].unread += 1
            if notice.group:
                self._open[key] = row
        self._rows[id(row)] = row
        return row

    def _unread_by_group(self, groups: set[str]) -> dict[tuple[int, str], Notification]:
        """The unread rows of these groups, by recipient and group: notices are folded into them."""
        if not groups:
            return {}
        rows = Notification.objects.filter(UNREAD, group__in=groups)
        found = self._changes.select(rows.filter(recipient__in=self._changes.feeds))
        return {(row.recipient_id, row.group): row for row in found}


def _forget_oldest(crowded: Sequence[Notification]) -> None:
    """Leave `HAPPENINGS_KEPT` happenings of each."""
    if crowded:
        place = Window(RowNumber(), partition_by="notification", order_by="-pk")
        happenings = Happening.objects.filter(notification__in=crowded).annotate(place=place)
        oldest = happenings.filter(place__gt=HAPPENINGS_KEPT).values_list("pk", flat=True)
        Happening.objects.filter(pk__in=list(oldest)).delete()


def _blank_row(notice: Notice, recipient_id: int = 0) -> Notification:
    """A row that tells of nothing yet."""
    return Notification(
        recipient_id=recipient_id,
        kind=notice.kind,
        actor=notice.actor,
        target=notice.target,
        group=notice.group,
        count=0,
        data=dict(notice.data),
        quiet=True,
    )


# Telling anew


def _retell(happenings: QuerySet[Happening], change: Callable[[QuerySet[Happening]], int]) -> int:
    """Change or delete happenings by `change`, which returns how many there are; return that."""
    count = 0
    for chunk in in_chunks(recipients_of(happenings)):
        with Inbox.changing_of(chunk) as changes:
            found = happenings.filter(notification__recipient__in=changes.feeds)
            notification_ids = set(found.values_list("notification", flat=True))
            count += change(found)
            _refold(changes, notification_ids)
    return count


def _refold(changes: Changes[Inbox], notification_ids: Collection[int]) -> None:
    """Show what is left of some notifications, and delete those of which nothing is."""
    rows = changes.select(Notification.objects.filter(pk__in=notification_ids).order_by("rev"))
    folds = Happening.objects.filter(notification__in=rows).order_by().values("notification")
    latest = folds.annotate(latest=Max("pk"), count=Count("pk"), loud=Count("pk", Q(quiet=False)))
    left = {fold["notification"]: fold for fold in latest}
    shown = Happening.objects.select_related("actor").in_bulk(
        [each["latest"] for each in left.values()]
    )
    left_rows = [row for row in rows if row.pk in left]
    for row in left_rows:
        fold = left[row.pk]
        row.tell(shown[fold["latest"]])
        row.count, row.quiet = fold["count"], not fold["loud"]
    changes.save(*left_rows, fields=FOLDED)
    publish_many(Inbox.topics.name, [_event(changes, row) for row in left_rows])
    _delete_all(changes, [row for row in rows if row.pk not in left])


def _event(changes: Changes[Inbox], row: Notification, what: str = "updated") -> Event:
    inbox = changes.feeds[row.recipient_id]
    change = NotificationChange(row.as_data(), inbox.unread)
    return Event(inbox.group, f"notification.{what}", change, row.rev)


def _read(changes: Changes[Inbox], notifications: Sequence[Notification]) -> None:
    for notification in notifications:
        notification.read_at = timezone.now()
    changes.save(*notifications, fields=["read_at"])
    events = []
    for notification in notifications:
        changes.feed.unread -= 1
        events.append(_event(changes, notification))
    publish_many(Inbox.topics.name, events)


def _delete_all(changes: Changes[Inbox], notifications: Sequence[Notification]) -> None:
    """Delete notifications of inboxes that are locked."""
    if not notifications:
        return
    changes.delete(*notifications)
    Happening.objects.filter(notification__in=notifications).delete()
    events = []
    for notification in notifications:
        inbox = changes.feeds[notification.recipient_id]
        inbox.unread -= notification.read_at is None
        deleted = Deleted(notification.pk, inbox.unread)
        events.append(Event(inbox.group, "notification.deleted", deleted, notification.rev))
    publish_many(Inbox.topics.name, events)


def _check_level(level: str, levels: list[str]) -> None:
    if level not in levels:
        detail = _("A level is one of %(levels)s.") % {"levels": ", ".join(levels)}
        raise Refusal(ErrorCode.INVALID, detail)
