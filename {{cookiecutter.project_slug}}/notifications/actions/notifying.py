"""Telling people: rows first, then the push, when they are committed."""

from collections.abc import Collection, Sequence

from accounts.models import User
from notifications import kinds
from notifications.actions.locking import locked
from notifications.actions.notice import Notice
from notifications.actions.recipients import Recipients, in_chunks
from notifications.actions.telling import Telling, blank_row
from notifications.models.notification import TARGET_CHARACTERS
from presence.stores import View
from presence.viewing import viewers


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


def _check(notice: Notice) -> None:
    kind = kinds.get(notice.kind)
    if len(notice.target) > TARGET_CHARACTERS:
        raise ValueError(f"A target has at most {TARGET_CHARACTERS} characters: {notice.target}")
    sample = blank_row(notice)
    for wording in (kind.text, kind.link, kind.excerpt):
        kinds.word(wording, sample)


def _tell(
    user_ids: list[int],
    notices: list[tuple[Notice, list[int]]],
    viewing: Collection[View] | None,
) -> int:
    if viewing is None:
        viewing = viewers({notice.target for notice, _ in notices if notice.target})
    with locked(user_ids) as inboxes:
        telling = Telling(inboxes, [notice for notice, _ in notices])
        for notice, ids in notices:
            actor = notice.actor.pk if notice.actor else None
            for pk in ids:
                if pk in inboxes and pk != actor and (pk, notice.target) not in viewing:
                    telling.tell(pk, notice)
        return telling.save()
