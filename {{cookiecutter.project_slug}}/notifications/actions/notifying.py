"""Telling people: rows first, then the push, when they are committed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import F, OuterRef, Subquery
from django.utils import timezone

from accounts.models import User
from notifications import announcements, kinds, outlets
from notifications.actions.locking import locked
from notifications.actions.recipients import Recipients, in_chunks
from notifications.looking import who_looks
from notifications.models import Inbox, Notification
from notifications.models.notification import TARGET_CHARACTERS, UNREAD
from notifications.queries import wanted


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell.

    Args:
        recipients: users or their ids, or a queryset of users. Those who do not exist, are
            deactivated, prefer not to hear of it, are looking at the target or are the actor are
            left out.
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


def notify(
    recipients: Recipients,
    kind: str,
    actor: User | None = None,
    target: str = "",
    **data: object,
) -> int:
    """Tell people that something has happened; see `Notice`. Returns how many are told.

    Outside a transaction every few hundred people are committed by themselves; in one, all with it.

    Raises:
        UnknownKind: nobody has registered the kind.
        KeyError: its text needs something that is not in `data`.
        ValueError: the target's name is too long.
    """
    notice = Notice(recipients, kind, actor, target, data)
    _check(notice)
    return sum(_tell(chunk, [(notice, chunk)]) for chunk in in_chunks(recipients))


def notify_all(notices: Sequence[Notice]) -> int:
    """Tell of several things at once; returns how many notifications came of it.

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
        _tell(chunk, [(notice, [pk for pk in chunk if pk in ids]) for notice, ids in wanted_by])
        for chunk in in_chunks(everyone)
    )


def _check(notice: Notice) -> None:
    kind = kinds.get(notice.kind)
    if len(notice.target) > TARGET_CHARACTERS:
        raise ValueError(f"A target has at most {TARGET_CHARACTERS} characters: {notice.target}")
    sample = _row(notice, kind, Inbox())
    for wording in (kind.text, kind.link, kind.excerpt):
        kinds.word(wording, sample)


def _tell(user_ids: list[int], notices: list[tuple[Notice, list[int]]]) -> int:
    looking = [_looking(notice, ids) for notice, ids in notices]
    with locked(user_ids) as inboxes:
        told = 0
        for (notice, ids), busy in zip(notices, looking, strict=True):
            chosen = [pk for pk in ids if pk in inboxes and pk not in busy]
            if chosen:
                told += _write(notice, chosen, inboxes)
    return told


def _looking(notice: Notice, user_ids: list[int]) -> set[int]:
    busy = who_looks(user_ids, notice.target) if notice.target else set()
    return busy | {notice.actor.pk} if notice.actor else busy


def _write(notice: Notice, user_ids: list[int], inboxes: dict[int, Inbox]) -> int:
    """Make or fold the rows of some people whose inboxes are locked; a few queries."""
    kind = kinds.get(notice.kind)
    loudly, quietly = wanted(kind, notice.target, user_ids)
    ids = sorted(loudly | quietly)
    if not ids:
        return 0
    rows = {pk: _row(notice, kind, inboxes[pk], quiet=pk in quietly) for pk in ids}
    folded = _unread_of_group(rows[ids[0]].group, ids)
    Inbox.objects.filter(pk__in=ids).update(last_rev=F("last_rev") + 1)
    Inbox.objects.filter(pk__in=[pk for pk in ids if pk not in folded]).update(
        unread=F("unread") + 1
    )
    for pk in ids:
        inboxes[pk].last_rev += 1
        inboxes[pk].unread += pk not in folded
    _fold(rows, folded)
    new = [row for pk, row in rows.items() if pk not in folded]
    Notification.objects.bulk_create(new)
    announcements.told(rows.values(), {row.recipient_id for row in new}, inboxes)
    outlets.deliver([row for row in rows.values() if not row.quiet])
    return len(rows)


def _row(notice: Notice, kind: kinds.Kind, inbox: Inbox, *, quiet: bool = False) -> Notification:
    rev = inbox.last_rev + 1
    return Notification(
        recipient_id=inbox.pk,
        seq=rev,
        rev=rev,
        kind=kind.name,
        actor=notice.actor,
        target=notice.target,
        group=notice.target if kind.groups else "",
        data=dict(notice.data),
        quiet=quiet,
        created_at=timezone.now(),
    )


def _unread_of_group(group: str, user_ids: list[int]) -> dict[int, Notification]:
    """Whom of some people an unread notification of the group waits for, and which."""
    if not group:
        return {}
    rows = Notification.objects.filter(UNREAD, recipient__in=user_ids, group=group)
    return {row.recipient_id: row for row in rows.only("recipient_id", "count", "quiet")}


def _fold(rows: dict[int, Notification], folded: dict[int, Notification]) -> None:
    """Let each waiting row say what its new one says, and count one more."""
    for pk, waiting in folded.items():
        rows[pk].pk, rows[pk].count = waiting.pk, waiting.count + 1
    _update([rows[pk] for pk in folded if rows[pk].quiet])
    _update([rows[pk] for pk in folded if not rows[pk].quiet], quiet=False)


def _update(rows: list[Notification], **loudness: bool) -> None:
    """Write rows that differ in their numbers only. A row that is loud for once stays so."""
    if not rows:
        return
    head = Subquery(Inbox.objects.filter(pk=OuterRef("recipient")).values("last_rev"))
    Notification.objects.filter(pk__in=[row.pk for row in rows]).update(
        seq=head,
        rev=head,
        kind=rows[0].kind,
        actor=rows[0].actor,
        data=rows[0].data,
        count=F("count") + 1,
        created_at=rows[0].created_at,
        mailed_at=None,
        **loudness,
    )
