"""Telling people, and taking it back: rows first, then the push, when they are committed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils import timezone

from accounts.models import User
from notifications import kinds
from notifications.actions.reading import delete_all
from notifications.frames import Told
from notifications.kinds import Level
from notifications.models import TARGET_CHARACTERS, UNREAD, Inbox, Notification
from notifications.queries import Levels, Recipients, in_chunks, recipients_of
from notifications.signals import notified
from presence.stores import View
from presence.viewing import viewers
from realtime.delivery.publishing import Event, publish_many
from realtime.feeds.changes import Changes

FOLDED = ["kind", "actor", "data", "count", "quiet", "created_at", "mailed_at"]


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
    """

    recipients: Recipients
    kind: str
    actor: User | None = None
    target: str = ""
    data: Mapping[str, object] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """Unread notifications of one group fold into one; empty for what does not fold."""
        return self.target if kinds.get(self.kind).groups else ""


def notify(
    recipients: Recipients,
    kind: str,
    actor: User | None = None,
    target: str = "",
    **data: object,
) -> int:
    """Tell people that something has happened; see `Notice`. Returns how many are told.

    Outside a transaction every few hundred people are committed by themselves; in one, all with it,
    and those who view the target are told too (see `notify_all`).

    Raises:
        UnknownKind: nobody has registered the kind.
        KeyError: its text needs something that is not in `data`.
        ValueError: the target's name is too long.
    """
    notice = Notice(recipients, kind, actor, target, data)
    _check(notice)
    return sum(_tell(chunk, [(notice, chunk)], None) for chunk in in_chunks(recipients))


def notify_all(notices: Sequence[Notice], viewing: Collection[View] | None = None) -> int:
    """Tell of several things at once; returns how many notifications came of it.

    Args:
        viewing: the people, each with the target, who view one of the targets now: what
            `presence.viewing.viewers` returned before the caller's transaction began. Without it
            this asks by itself; inside a transaction, nobody is then taken to view anything.

    Two transactions that each told of one thing after another could wait for each other's people
    for ever; so whoever tells of more than one thing in a transaction does it by one call of this.
    """
    for notice in notices:
        _check(notice)
    wanted_by = [
        (notice, {pk for chunk in in_chunks(notice.recipients) for pk in chunk})
        for notice in notices
    ]
    everyone = set[int]().union(*(ids for _, ids in wanted_by))
    return sum(
        _tell(
            chunk,
            [(notice, [pk for pk in chunk if pk in ids]) for notice, ids in wanted_by],
            viewing,
        )
        for chunk in in_chunks(everyone)
    )


def retract(
    target: str, *, kind: str = "", recipients: Recipients | None = None, **data: object
) -> int:
    """Delete what people were told of a target, as when an invitation is withdrawn.

    Args:
        kind: of this kind only.
        recipients: of these people only.
        data: only those in which these keys have these values.

    Returns:
        How many there were.
    """
    rows = Notification.objects.filter(target=target, deleted_at=None)
    rows = rows.filter(**{f"data__{key}": value for key, value in data.items()})
    if kind:
        rows = rows.filter(kind=kind)
    retracted = 0
    for chunk in in_chunks(recipients_of(rows) if recipients is None else recipients):
        with Inbox.changing_of(chunk) as changes:
            found = changes.select(rows.filter(recipient__in=changes.feeds).order_by("rev"))
            delete_all(changes, found)
        retracted += len(found)
    return retracted


def _check(notice: Notice) -> None:
    kind = kinds.get(notice.kind)
    if len(notice.target) > TARGET_CHARACTERS:
        raise ValueError(f"A target has at most {TARGET_CHARACTERS} characters: {notice.target}")
    sample = _blank_row(notice)
    for wording in (kind.text, kind.link, kind.excerpt):
        kinds.word(wording, sample)


def _tell(
    user_ids: list[int],
    notices: list[tuple[Notice, list[int]]],
    viewing: Collection[View] | None,
) -> int:
    if viewing is None:
        viewing = viewers({notice.target for notice, _ in notices if notice.target})
    with Inbox.changing_of(user_ids) as changes:
        writer = NotificationWriter(changes, [notice for notice, _ in notices])
        for notice, ids in notices:
            actor = notice.actor.pk if notice.actor else None
            for pk in ids:
                if pk in changes.feeds and pk != actor and (pk, notice.target) not in viewing:
                    writer.tell(pk, notice)
        return writer.save()


@dataclass(slots=True)
class PendingRow:
    """A row that tells something new: it is made, or was found unread and is folded into."""

    row: Notification
    is_new: bool
    is_loud: bool = False
    """Whether what it tells now is to be brought to its person."""


class NotificationWriter:
    """Writes what one transaction tells: few queries, however many notices and people there are.

    A row takes one number, however often it is folded into meanwhile: it is one change.
    """

    def __init__(self, changes: Changes[Inbox], notices: Sequence[Notice]) -> None:
        self._changes = changes
        self._levels = Levels(
            changes.feeds, {notice.kind for notice in notices}, {each.target for each in notices}
        )
        self._unread = self._unread_by_group({notice.group for notice in notices} - {""})
        self._pending: list[PendingRow] = []
        self._pending_by_group: dict[tuple[int, str], PendingRow] = {}
        self._told = 0
        self._now = timezone.now()

    def tell(self, user_id: int, notice: Notice) -> None:
        """Make or fold a row for someone, unless they do not want to be told of it."""
        level = self._levels.of(user_id, kinds.get(notice.kind), notice.target)
        if level == Level.NOTHING:
            return
        pending = self._pending_row(user_id, notice)
        row = pending.row
        row.kind, row.actor, row.data = notice.kind, notice.actor, dict(notice.data)
        row.created_at, row.mailed_at = self._now, None
        row.count += 1
        if level == Level.EVERYTHING:
            row.quiet, pending.is_loud = False, True  # once loud, it stays so until it is read
        self._told += 1

    def save(self) -> int:
        """Write and publish the rows; returns how many times somebody was told."""
        self._changes.move(*(each.row for each in self._pending), fields=FOLDED)
        for each in self._pending:
            each.row.quiet = not each.is_loud  # as of what is told now
        publish_many(Inbox.topics.name, map(self._event, self._pending))
        if loud := [each.row for each in self._pending if each.is_loud]:
            notified.send(Notification, notifications=loud)
        return self._told

    def _pending_row(self, user_id: int, notice: Notice) -> PendingRow:
        key = user_id, notice.group
        if key in self._pending_by_group:
            return self._pending_by_group[key]
        unread = self._unread.get(key)
        pending = PendingRow(unread or _blank_row(notice, user_id), is_new=unread is None)
        self._changes.feeds[user_id].unread += pending.is_new
        self._pending.append(pending)
        if notice.group:
            self._pending_by_group[key] = pending
        return pending

    def _unread_by_group(self, groups: set[str]) -> dict[tuple[int, str], Notification]:
        """By recipient and group, the unread rows that what is told of the group is folded into."""
        if not groups:
            return {}
        rows = Notification.objects.filter(UNREAD, group__in=groups)
        found = self._changes.select(rows.filter(recipient__in=self._changes.feeds))
        return {(row.recipient_id, row.group): row for row in found}

    def _event(self, pending: PendingRow) -> Event:
        row, inbox = pending.row, self._changes.feeds[pending.row.recipient_id]
        name = "notification.created" if pending.is_new else "notification.updated"
        return Event(inbox.group, name, Told(row.as_data(), inbox.unread), row.rev)


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
