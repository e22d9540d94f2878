"""The abstract models of a feed and of its items."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self, TypeVar
from uuid import uuid4

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models import Model, QuerySet, UniqueConstraint
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from realtime.delivery.publishing import publish
from realtime.feeds.changes import Changes, changing_few
from realtime.protocol import ErrorCode, Refusal
from realtime.topics import Pair, Topic, register

OPENING = re.compile(r"<[a-z][-a-z0-9]*")


class FeedTopic(Topic):
    """The topics of a kind of feed: one for each row, by its `key_field`."""

    def __init__(self, feed_model: "type[Feed]") -> None:
        self.prefix = feed_model.prefix
        self.feed_model = feed_model

    def find(self, keys: Collection[str]) -> Mapping[str, Any]:  # Any: rows of `feed_model`
        """The feeds that there are, by their keys."""
        field = self.feed_model.key_field
        rows = self.feed_model._default_manager.filter(**{f"{field}__in": keys})
        return {row.topic_key: row for row in rows}

    def hearers(self, pairs: Collection[Pair]) -> set[Pair]:
        return set(pairs) if self.feed_model.for_everyone else set()

    def latest_revisions(self, keys: Collection[str]) -> Mapping[str, int]:
        field = self.feed_model.key_field
        rows = self.feed_model._default_manager.filter(**{f"{field}__in": keys})
        return {str(key): last_rev for key, last_rev in rows.values_list(field, "last_rev")}


class Feed(models.Model):
    """A list of items with one run of numbers for all of their changes.

    `last_rev` is the number of the latest change. It moves only under the row's lock, in the
    transaction that makes the change, so that the order of numbers is the order of commits.
    `epoch` names this run of numbers: a database restored from a backup needs new ones, see
    `manage.py new_epochs`.
    """

    last_rev = models.PositiveBigIntegerField(default=0, editable=False)
    epoch = models.UUIDField(default=uuid4, editable=False)
    pruned_rev = models.PositiveBigIntegerField(default=0, editable=False)
    """Items whose latest change is not above it may be gone: who resumes below it starts over."""

    has_outlets = models.BooleanField(default=False, editable=False)
    """Whether an `Outlet` was ever made for it; other feeds are not asked for any."""

    prefix: ClassVar[str] = ""
    """Begins the name of each feed's topic: `chat` in `chat:general`."""
    key_field: ClassVar[str] = "slug"
    """The field whose value ends it."""
    counts: ClassVar[tuple[str, ...]] = ()
    """Further fields that change under the row's lock; `changing` saves them with `last_rev`."""
    for_everyone: ClassVar[bool] = False
    """Whether all who are signed in may hear it; otherwise `FeedTopic.hearers` says who."""
    topic_class: ClassVar[type[FeedTopic]] = FeedTopic
    topics: ClassVar[FeedTopic]

    class Meta:
        abstract = True

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.prefix:
            cls.topics = cls.topic_class(cls)
            register(cls.topics)

    @property
    def topic_key(self) -> str:
        """What ends the name of the feed's topic: `general` in `chat:general`."""
        return str(self.serializable_value(self.key_field))

    @property
    def topic(self) -> str:
        """The name of the feed's topic in frames."""
        return self.topics.topic(self.topic_key)

    @property
    def group(self) -> str:
        """The group that hears the feed."""
        return self.topics.group(self.topic_key)

    def publish(self, type: str, item: "FeedItem") -> Any:  # Any: as `as_data`
        """Publish an item after its change; returns its data, for the reply."""
        data = item.as_data()
        publish(self.topic, type, data, rev=item.rev, group=self.group)
        return data

    @contextmanager
    def changing(self) -> Iterator[Changes[Self]]:
        """A transaction that holds the feed's lock; see `realtime.feeds.changes`.

        Raises:
            Refusal: `not_found`, the feed is gone.
        """
        with changing_few(type(self), [self.pk]) as changes:
            if not changes.feeds:
                name = self._meta.verbose_name
                detail = _("There is no such %(name)s any more.") % {"name": name}
                raise Refusal(ErrorCode.NOT_FOUND, detail)
            yield changes


class FeedItem(models.Model):
    """An item of a feed, with its place and its latest change in the feed's run of numbers.

    `seq` gives the item its place in the list; `rev` is the number of its latest change. A deleted
    item keeps its row, emptied, so that whoever resumes learns of it.
    """

    seq = models.PositiveBigIntegerField()
    rev = models.PositiveBigIntegerField()
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_at.verbose_name = _("deleted at")  # and not above, as of outlets

    feed_field: ClassVar[str]
    """The name of its `FeedKey`."""
    once: ClassVar[tuple[str, ...]]
    """As of its `FeedKey`."""
    emptied: ClassVar[dict[str, object]] = {}
    """The fields that a deleted item loses, each with what it has then."""
    sent: ClassVar[tuple[str, ...]] = ()
    """The fields that frames carry besides `seq`, `rev` and `deleted_at`."""
    template_name: ClassVar[str] = ""
    """A template of one element, such as `<li>{{ item.title }}</li>`: frames carry it as `html`."""

    class Meta:
        abstract = True
        ordering = ["seq"]

    @classmethod
    def with_related(cls, items: QuerySet[Self]) -> QuerySet[Self]:
        """`items` with all that `as_data` reads, in few queries."""
        return items

    def as_data(self) -> Any:  # Any: a dict, or a Struct of a subclass
        """The item as frames carry it: a value that may leave the transaction and the thread."""
        names = ("seq", "rev", *self.sent, "deleted_at")
        data = {name: self.serializable_value(name) for name in names}
        if self.template_name:
            data |= {"pk": self.pk, "html": "" if self.deleted_at else self.html}
        return data

    @property
    def html(self) -> str:
        """The item's element as pages show it, with its `data-pk` and `data-rev`.

        Raises:
            ImproperlyConfigured: what its template gives does not begin with an element.
        """
        text = render_to_string(self.template_name, {"item": self}).strip()
        opening = OPENING.match(text)
        if opening is None:
            raise ImproperlyConfigured(
                f"{self.template_name} does not begin with an element: give each "
                f"{self._meta.verbose_name} one, such as <li>...</li>."
            )
        names = format_html(' data-pk="{}" data-rev="{}"', self.pk, self.rev)
        return opening.group() + names + text[opening.end() :]

    @property
    def characters(self) -> int:
        """The length of its text: a page of long items has fewer."""
        return 0


SetType = TypeVar("SetType")
GetType = TypeVar("GetType")


class FeedKey(models.ForeignKey[SetType, GetType]):
    """An item's foreign key to its feed, or to the row whose id the feed has as its own.

    It adds the constraints of an item: each number is given once.

    Args:
        once: the fields by which a retry is recognised: adding an item again gives the first one.
    """

    def __init__(self, to: Any, once: Sequence[str] = (), **options: Any) -> None:  # Any: Django's
        super().__init__(to, models.CASCADE, db_index=False, **options)
        self._once = tuple(once)

    def contribute_to_class(self, cls: type[Model], name: str, *args: Any, **kwargs: Any) -> None:
        super().contribute_to_class(cls, name, *args, **kwargs)
        assert issubclass(cls, FeedItem), f"{cls} is no FeedItem"  # noqa: S101
        cls.feed_field, cls.once = name, self._once
        unique = {"once_per_seq": ["seq"], "once_per_rev": ["rev"], "once_per_sender": self._once}
        meta = cls._meta
        meta.constraints = [
            *meta.constraints,
            *(
                UniqueConstraint(fields=[name, *fields], name=f"{meta.db_table}_{what}")
                for what, fields in unique.items()
                if fields
            ),
        ]
        meta.original_attrs["constraints"] = meta.constraints  # for migrations

    def deconstruct(self) -> Any:  # Any: Django's
        """In migrations it is a foreign key."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.ForeignKey", args, kwargs

    def clone(self) -> Any:  # Any: as above
        _, _, args, kwargs = self.deconstruct()
        return models.ForeignKey(*args, **kwargs)
