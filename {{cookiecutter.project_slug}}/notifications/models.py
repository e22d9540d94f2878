"""What people are told, and what they want to be told of."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Self

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User, lock_people
from notifications.frames import NotificationData
from notifications.kinds import TEXT_CHARACTERS, Level, TargetLevel, is_link, kind_of, line
from realtime.feeds.changes import Changes, changing
from realtime.feeds.models import Feed, FeedItem, FeedKey, FeedTopic
from realtime.topics import Pair, topic_of

TARGET_CHARACTERS = 100
UNREAD = Q(read_at=None, deleted_at=None)
UNMAILED = Q(mailed_at=None) | Q(mailed_at__lt=F("created_at"))
TOLD_FIELDS = ("kind", "actor", "target", "data", "created_at")
HAPPENINGS_KEPT = 100
"""A notification tells of so many happenings at most: older ones are forgotten."""


class InboxTopic(FeedTopic):
    """Each person's notifications, which they join by a name that is the same for everyone."""

    name = "notifications"

    def find(self, keys: Collection[str]) -> Mapping[str, "Inbox"]:
        found = Inbox.get_or_make([int(key) for key in keys])
        return {str(pk): inbox for pk, inbox in found.items()}

    def hearers(self, pairs: Collection[Pair]) -> set[Pair]:
        return {(key, user_id) for key, user_id in pairs if key == str(user_id)}


class Inbox(Feed):
    """The feed of one person's notifications, made when it is first asked for."""

    prefix = "notifications"
    key_field = "user"
    counts = ("unread", "read_rev")
    topic_class = InboxTopic

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    unread = models.PositiveIntegerField(default=0, editable=False)
    read_rev = models.PositiveBigIntegerField(default=0, editable=False)
    """The latest change that marked everything read: all older notifications are."""
    digest = models.BooleanField(default=True)
    """Whether they want an e-mail about what stayed unread."""
    mailed_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When the latest such e-mail was sent."""

    class Meta:
        verbose_name = _("inbox")
        verbose_name_plural = _("inboxes")

    def __str__(self) -> str:
        return f"of {self.user}"

    @classmethod
    def get_or_make(cls, user_ids: Collection[int]) -> Mapping[int, Self]:
        """By their ids, the inboxes of some people; those who do not exist have none."""
        found = cls.objects.in_bulk(user_ids)
        missing = [pk for pk in user_ids if pk not in found]
        if missing:
            with cls.changing_of(missing) as changes:
                found |= changes.feeds
        return found

    @classmethod
    @contextmanager
    def changing_of(cls, user_ids: Collection[int], **only: bool) -> Iterator[Changes[Self]]:
        """A transaction that holds the locks of some people's inboxes, made where they have none.

        Those who do not exist, or are not as `only` says, are left out. The people's own rows are
        locked first, so that nobody is deleted meanwhile; see `delete_with`.
        """
        with transaction.atomic():
            present = lock_people(user_ids, **only)
            inboxes = cls.objects.filter(user__in=present)
            with changing(inboxes, savepoint=False) as changes:
                missing = [pk for pk in present if pk not in changes.feeds]
                changes.create([cls(user_id=pk) for pk in missing])
                yield changes


class Told(models.Model):
    """What is told of one happening: by a notification, the latest of its happenings."""

    kind = models.CharField(max_length=64)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    target = models.CharField(max_length=TARGET_CHARACTERS, blank=True)
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    quiet = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True


class Notification(FeedItem, Told):
    """What happened, told to one person.

    `seq` is the number of the latest happening. While it is unread, more of the same group is
    folded into it: it moves to the front, says what happened last, and counts. It is `quiet` while
    all of its happenings are.
    """

    emptied: ClassVar[dict[str, object]] = {"data": {}}

    recipient = FeedKey(settings.AUTH_USER_MODEL, related_name="+")
    group = models.CharField(max_length=TARGET_CHARACTERS, blank=True)
    count = models.PositiveIntegerField(default=1)
    """How many happenings there are, `HAPPENINGS_KEPT` at most."""
    read_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    """When the latest e-mail about it was sent: what happened since is not in it."""

    class Meta(FeedItem.Meta):
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-seq"]
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "group"],
                condition=UNREAD & ~Q(group=""),
                name="one_unread_notification_per_group",
            ),
        ]
        indexes = [
            models.Index(
                fields=["recipient", "target"], condition=UNREAD, name="unread_notifications"
            ),
            models.Index(fields=["created_at"], condition=UNREAD & UNMAILED, name="unmailed"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.recipient}"

    @classmethod
    def with_related(cls, items: QuerySet[Self]) -> QuerySet[Self]:
        return items.select_related("actor")

    def tell(self, happening: "Happening") -> None:
        """Show a happening, from now on the latest."""
        for field in TOLD_FIELDS:
            setattr(self, field, getattr(happening, field))

    @property
    def text(self) -> str:
        """What happened, in one line of plain text."""
        return _shortened(line(kind_of(self).text, self))

    @property
    def excerpt(self) -> str:
        """A second line, such as the beginning of a message; may be empty."""
        return _shortened(line(kind_of(self).excerpt, self))

    @property
    def link(self) -> str:
        """Where it leads; empty for nowhere, and for what is no address of a page."""
        link = ""
        if wording := kind_of(self).link:
            link = line(wording, self)
        elif topic := topic_of(self.target):
            link = topic.link(topic.key(self.target))
        return link if is_link(link) else ""

    def as_data(self) -> NotificationData:
        gone = self.deleted_at is not None
        return NotificationData(
            id=self.pk,
            seq=self.seq,
            rev=self.rev,
            kind=self.kind,
            text="" if gone else self.text,
            excerpt="" if gone else self.excerpt,
            link="" if gone else self.link,
            icon=kind_of(self).icon,
            actor=None if gone or self.actor is None else self.actor.as_person(),
            target=self.target,
            count=self.count,
            quiet=self.quiet,
            created_at=self.created_at,
            read_at=self.read_at,
            deleted_at=self.deleted_at,
        )


class Happening(Told):
    """One of the things that a notification tells of: each can be changed and taken back."""

    notification = models.ForeignKey(
        Notification, on_delete=models.CASCADE, related_name="happenings"
    )
    key = models.CharField(max_length=TARGET_CHARACTERS, blank=True)
    """What it is in its target, such as a message's `seq` in a room."""

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["target", "key"], name="by_target_and_key")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


@receiver(pre_delete, sender=settings.AUTH_USER_MODEL)
def delete_with(instance: User, **kwargs: Any) -> None:  # Any: as the signal sends it
    """Lock somebody who is about to be deleted, so that nobody tells them anything meanwhile."""
    list(User.objects.select_for_update().filter(pk=instance.pk))
    Notification.objects.filter(recipient=instance).delete()  # also those of a moment ago


class KindPreference(models.Model):
    """A person's level for one kind of notification, where it is not the default."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=64)
    level = models.CharField(max_length=10, choices=Level)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="one_preference_per_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.level}"


class TargetPreference(models.Model):
    """A person's level for one target, such as the room `chat:general`."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    target = models.CharField(max_length=TARGET_CHARACTERS)
    level = models.CharField(max_length=10, choices=TargetLevel)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "target"], name="one_preference_per_target"),
        ]
        indexes = [models.Index(fields=["target", "level"], name="who_wants_what_of_a_target")]

    def __str__(self) -> str:
        return f"{self.target}: {self.level}"


def _shortened(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS else f"{text[: TEXT_CHARACTERS - 1]}…"
