"""What one transaction tells: in a few queries, however many notices and people there are."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import F
from django.utils import timezone

from notifications import announcements, kinds
from notifications.actions.locking import next_rev
from notifications.actions.notice import Notice
from notifications.levels import Level
from notifications.models import Inbox, Notification
from notifications.models.notification import UNREAD
from notifications.queries import Levels
from notifications.signals import notified

FOLDED = ["seq", "rev", "kind", "actor", "data", "count", "quiet", "created_at", "mailed_at"]


@dataclass(slots=True)
class Told:
    """A row that tells something now, made or found waiting."""

    row: Notification
    is_new: bool
    is_loud: bool = False
    """Whether what it tells now is to be brought to its person."""


class Telling:
    """Tells notices to people whose inboxes are locked, and saves all of it at the end.

    A row takes one number, however often it is told of: it is one change.
    """

    def __init__(self, inboxes: dict[int, Inbox], notices: Iterable[Notice]) -> None:
        notices = list(notices)
        self._inboxes = inboxes
        self._before = {pk: (inbox.last_rev, inbox.unread) for pk, inbox in inboxes.items()}
        self._levels = Levels(inboxes, {each.kind for each in notices}, {n.target for n in notices})
        self._waiting = _unread_by_group(inboxes, {_group(notice) for notice in notices} - {""})
        self._told: list[Told] = []
        self._told_of_groups: dict[tuple[int, str], Told] = {}
        self._times = 0
        self._now = timezone.now()

    def tell(self, user_id: int, notice: Notice) -> None:
        """Make or fold a row for someone, unless they do not want to be told of it."""
        level = self._levels.of(user_id, kinds.get(notice.kind), notice.target)
        if level == Level.NOTHING:
            return
        told = self._row_for(self._inboxes[user_id], notice)
        row = told.row
        row.kind, row.actor, row.data = notice.kind, notice.actor, dict(notice.data)
        row.created_at, row.mailed_at = self._now, None
        row.count += 1
        if level == Level.EVERYTHING:
            row.quiet, told.is_loud = False, True  # once loud, it stays so until it is read
        self._times += 1

    def save(self) -> int:
        """Write it, and announce it on commit; returns how many times somebody was told."""
        Notification.objects.bulk_create(each.row for each in self._told if each.is_new)
        Notification.objects.bulk_create(
            [each.row for each in self._told if not each.is_new],
            update_conflicts=True,  # with themselves: they are there, and are written over
            unique_fields=["id"],
            update_fields=FOLDED,
        )
        self._save_inboxes()
        for each in self._told:
            each.row.quiet = not each.is_loud  # as of what is told now
        announcements.told([(each.row, each.is_new) for each in self._told], self._inboxes)
        if loud := [each.row for each in self._told if each.is_loud]:
            notified.send(Notification, notifications=loud)
        return self._times

    def _row_for(self, inbox: Inbox, notice: Notice) -> Told:
        key = inbox.pk, _group(notice)
        if key in self._told_of_groups:
            return self._told_of_groups[key]
        waiting = self._waiting.get(key)
        told = Told(waiting or blank_row(notice, inbox.pk), is_new=waiting is None)
        told.row.seq = told.row.rev = next_rev(inbox)
        inbox.unread += told.is_new
        self._told.append(told)
        if key[1]:
            self._told_of_groups[key] = told
        return told

    def _save_inboxes(self) -> None:
        """Write what the inboxes count: in one query for all that changed as much."""
        changes: dict[tuple[int, int], list[int]] = {}
        for pk, inbox in self._inboxes.items():
            last_rev, unread = self._before[pk]
            changes.setdefault((inbox.last_rev - last_rev, inbox.unread - unread), []).append(pk)
        for (revs, unread), pks in changes.items():
            if revs:
                Inbox.objects.filter(pk__in=pks).update(
                    last_rev=F("last_rev") + revs, unread=F("unread") + unread
                )


def blank_row(notice: Notice, recipient_id: int = 0) -> Notification:
    """A row that tells of nothing yet."""
    return Notification(
        recipient_id=recipient_id,
        kind=notice.kind,
        actor=notice.actor,
        target=notice.target,
        group=_group(notice),
        count=0,
        data=dict(notice.data),
        quiet=True,
    )


def _group(notice: Notice) -> str:
    return notice.target if kinds.get(notice.kind).groups else ""


def _unread_by_group(
    user_ids: Collection[int], groups: Collection[str]
) -> dict[tuple[int, str], Notification]:
    """By recipient and group, the unread rows that what is told of the group is folded into."""
    if not groups:
        return {}
    rows = Notification.objects.filter(UNREAD, recipient__in=user_ids, group__in=groups)
    return {(row.recipient_id, row.group): row for row in rows}
