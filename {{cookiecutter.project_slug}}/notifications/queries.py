"""Reading notifications: what pages and sockets show. Nothing here writes."""

from collections.abc import Collection, Mapping

from django.db.models import QuerySet

from accounts.models import User
from notifications import kinds
from notifications.levels import Level, TargetLevel
from notifications.models import Inbox, KindPreference, Notification, TargetPreference
from notifications.targets import followed_by
from notifications.topics import TOPIC
from notifications.wire import (
    KindChoice,
    Listed,
    NotificationData,
    Preferences,
    TargetChoice,
    link_of,
    notification_data,
)
from realtime.topics import Topic

PAGE_NOTIFICATIONS = 20
CHANGES_NOTIFICATIONS = 200


def of(user_id: int) -> QuerySet[Notification]:
    """A person's notifications, the latest first, deleted ones left out."""
    rows = Notification.objects.filter(recipient=user_id, deleted_at=None)
    return rows.select_related("actor").order_by("-seq")


def listed(user_id: int, before: int | None = None, limit: int = PAGE_NOTIFICATIONS) -> Listed:
    """The `limit` latest notifications, or the latest before the `seq` `before`."""
    rows = of(user_id) if before is None else of(user_id).filter(seq__lt=before)
    return Listed(*_first(rows, limit))


def changes_since(user_id: int, since: int, limit: int = CHANGES_NOTIFICATIONS) -> Listed:
    """The notifications that changed after the revision `since`, in the order of their changes."""
    rows = Notification.objects.filter(recipient=user_id, rev__gt=since)
    return Listed(*_first(rows.select_related("actor").order_by("rev"), limit))


def link(user_id: int, notification_id: int) -> str:
    """Where one of a person's notifications leads; empty for nowhere."""
    notification = of(user_id).filter(pk=notification_id).first()
    return link_of(notification) if notification else ""


def unread_count(user_id: int) -> int:
    inbox = Inbox.objects.filter(user=user_id).only("unread").first()
    return inbox.unread if inbox else 0


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


def who_wants_everything(targets: Collection[str]) -> dict[str, set[int]]:
    """For each target the ids of the people who want to be told whatever happens there."""
    rows = TargetPreference.objects.filter(target__in=targets, level=TargetLevel.EVERYTHING)
    people: dict[str, set[int]] = {target: set() for target in targets}
    for target, person in rows.values_list("target", "user_id"):
        people[target].add(person)
    return people


def preferences_of(user: User) -> Preferences:
    """What the user has chosen, or not, for everything that can be chosen."""
    of_kinds = dict(KindPreference.objects.filter(user=user).values_list("kind", "level"))
    of_targets = dict(TargetPreference.objects.filter(user=user).values_list("target", "level"))
    inbox = Inbox.objects.filter(user=user).only("digest").first()
    return Preferences(
        kinds=[
            KindChoice(kind.name, kind.title, of_kinds.get(kind.name, kind.default.value))
            for kind in kinds.known()
        ],
        targets=[
            TargetChoice(
                target.key, target.name, of_targets.get(target.key, TargetLevel.MENTIONS.value)
            )
            for target in followed_by(user)
        ],
        digest=inbox is None or inbox.digest,
    )


class InboxTopic(Topic):
    """Each person's notifications."""

    prefix = name = TOPIC

    def latest_revisions(self, keys: Collection[str]) -> Mapping[str, int]:
        inboxes = Inbox.objects.filter(user__in=map(int, keys))
        return {str(pk): last_rev for pk, last_rev in inboxes.values_list("pk", "last_rev")}


def _first(rows: QuerySet[Notification], limit: int) -> tuple[list[NotificationData], bool]:
    found = list(rows[: limit + 1])
    return [notification_data(row) for row in found[:limit]], len(found) > limit
