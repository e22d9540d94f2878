"""Telling people: rows first, then the push, when they are committed."""

from collections.abc import Sequence

from accounts.models import User
from notifications import kinds
from notifications.actions.locking import locked
from notifications.actions.notice import Notice
from notifications.actions.recipients import Recipients, in_chunks
from notifications.actions.telling import Telling, blank_row
from notifications.looking import who_looks
from notifications.models.notification import TARGET_CHARACTERS


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
    sample = blank_row(notice)
    for wording in (kind.text, kind.link, kind.excerpt):
        kinds.word(wording, sample)


def _tell(user_ids: list[int], notices: list[tuple[Notice, list[int]]]) -> int:
    busy = who_looks(
        {(pk, notice.target) for notice, ids in notices if notice.target for pk in ids}
    )
    with locked(user_ids) as inboxes:
        telling = Telling(inboxes, [notice for notice, _ in notices])
        for notice, ids in notices:
            actor = notice.actor.pk if notice.actor else None
            for pk in ids:
                if pk in inboxes and pk != actor and (pk, notice.target) not in busy:
                    telling.tell(pk, notice)
        return telling.save()
