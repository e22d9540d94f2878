"""Reading notifications: what pages and sockets show. Nothing here writes."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.db.models import QuerySet

from accounts.models import User
from notifications import kinds
from notifications.frames import PAGE_NOTIFICATIONS, Listed
from notifications.kinds import Level, TargetLevel
from notifications.models import (
    UNREAD,
    Happening,
    Inbox,
    KindPreference,
    Notification,
    TargetPreference,
)
from realtime.feeds.reading import latest
from realtime.lookups import Lookup

CHUNK_PEOPLE = 500
"""One transaction changes the notifications of no more people."""

_of_everything = Lookup(TargetPreference.objects.filter(level=TargetLevel.EVERYTHING), "target")

Recipients = QuerySet[User] | Iterable[User | int]


def of(user_id: int) -> QuerySet[Notification]:
    """A person's notifications, the latest first, deleted ones left out."""
    rows = Notification.objects.filter(recipient=user_id, deleted_at=None)
    return rows.select_related("actor")


def listed(user_id: int, before: int | None = None, limit: int = PAGE_NOTIFICATIONS) -> Listed:
    """The `limit` latest notifications, or the latest before the `seq` `before`."""
    rows, more = latest(of(user_id), limit, before)
    return Listed([row.as_data() for row in rows], more)


def unread_count(user_id: int) -> int:
    return Inbox.objects.filter(user=user_id).values_list("unread", flat=True).first() or 0


class UnreadOf(NamedTuple):
    """What somebody has not read: how much altogether, and of which of the targets asked for."""

    in_all: int
    targets: Collection[str]


def unread_of(asked: Sequence[tuple[int, str]]) -> list[UnreadOf]:
    """For each person, by their id, and target; two queries."""
    user_ids = {user_id for user_id, _ in asked}
    rows = Notification.objects.filter(
        UNREAD, recipient__in=user_ids, target__in={target for _, target in asked}
    )
    targets: dict[int, set[str]] = defaultdict(set)
    for user_id, target in rows.order_by().values_list("recipient", "target").distinct():
        targets[user_id].add(target)
    # After the rows: a count is told with nothing there, when others may have read it meanwhile.
    counts = dict(Inbox.objects.filter(user__in=user_ids).values_list("user", "unread"))
    return [UnreadOf(counts.get(user_id, 0), targets[user_id]) for user_id, _ in asked]


class Levels:
    """How much some people want to hear of some kinds from some targets; two queries at most."""

    def __init__(
        self, user_ids: Collection[int], kinds: Collection[str], targets: Collection[str]
    ) -> None:
        of_kinds = KindPreference.objects.filter(user__in=user_ids, kind__in=kinds)
        self._kinds = {
            (user_id, kind): level
            for user_id, kind, level in of_kinds.values_list("user_id", "kind", "level")
        }
        of_targets = TargetPreference.objects.filter(
            user__in=user_ids, target__in=[target for target in targets if target]
        )
        self._targets = {
            (user_id, target): level
            for user_id, target, level in of_targets.values_list("user_id", "target", "level")
        }

    def of(self, user_id: int, kind: kinds.Kind, target: str) -> str:
        """The `Level` at which someone is told of this kind from this target."""
        at_target = self._targets.get((user_id, target), TargetLevel.MENTIONS)
        heard = kind.personal or not target or at_target == TargetLevel.EVERYTHING
        if at_target == TargetLevel.NOTHING or not heard:
            return Level.NOTHING
        return self._kinds.get((user_id, kind.name), kind.default.value)


def target_level(user_id: int, target: str) -> str:
    """The `TargetLevel` that somebody has chosen for a target."""
    chosen = TargetPreference.objects.filter(user=user_id, target=target)
    return chosen.values_list("level", flat=True).first() or TargetLevel.MENTIONS.value


def who_wants_everything(targets: Collection[str]) -> dict[str, set[int]]:
    """For each target the ids of the people who want to be told whatever happens there."""
    people: dict[str, set[int]] = {target: set() for target in targets}
    for row in _of_everything((target,) for target in targets):
        people[row.target].add(row.user_id)
    return people


def ids_of(recipients: Recipients) -> set[int]:
    if isinstance(recipients, QuerySet):
        return set(recipients.order_by().values_list("pk", flat=True))
    return {each if isinstance(each, int) else each.pk for each in recipients}


def in_chunks(recipients: Recipients) -> Iterator[list[int]]:
    """The ids of `recipients`, ascending, each once, by `CHUNK_PEOPLE`."""
    ids = sorted(ids_of(recipients))
    for start in range(0, len(ids), CHUNK_PEOPLE):
        yield ids[start : start + CHUNK_PEOPLE]


def told(**which: Any) -> QuerySet[Happening]:  # Any: as of `QuerySet.filter`
    """What people were told, as far as it is on their lists: `told(target="chat:general")`."""
    return Happening.objects.filter(notification__deleted_at=None, **which)


def recipients_of(happenings: QuerySet[Happening]) -> list[int]:
    """The ids of those who were told of some happenings, each once."""
    recipients = happenings.order_by().values_list("notification__recipient", flat=True)
    return list(recipients.distinct())
