"""Data binding: the rows of a model as a feed, whatever code changes them.

    class PriceBinding(Binding):
        model = Price
        stream = "prices"
        fields = ["name", "amount"]

A row that is saved or deleted enqueues a task in the same transaction, and waits for no lock. The
task locks the stream, reads the row as it is committed and writes its item. Whoever locks later
reads later, so the item ends as the last commit left the row. The terms are those of Channels 1.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from django.apps import apps
from django.contrib.auth import get_permission_codename, get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models import Model, QuerySet
from django.db.models.signals import post_delete, post_save
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from msgspec import Meta, Raw, Struct, json

from realtime.consumers import command
from realtime.delivery.publishing import Event, publish_many
from realtime.feeds.consumer import FeedConsumer, ItemPage, forbidden
from realtime.feeds.models import Feed, FeedItem, FeedKey, FeedTopic
from realtime.feeds.reading import latest
from realtime.protocol import Revision
from realtime.tasks import enqueue_many, task
from realtime.topics import Pair

CHUNK_ROWS = 500
"""One transaction compares no more rows."""
EVENTS = 50
"""Of more changes at once only the last is published: whoever hears it asks for the others."""
KEPT = timedelta(days=30)
"""For so long, clients that come back learn of a deleted row; later ones start over."""

bindings: dict[str, type["Binding"]] = {}
"""By their streams."""


class StreamTopic(FeedTopic):
    """The topics `stream:<name>`, one for each binding."""

    def find(self, keys: Collection[str]) -> Mapping[str, "Stream"]:
        return {name: Stream.of(name) for name in keys if name in bindings}

    def hearers(self, pairs: Collection[Pair]) -> set[Pair]:
        people = defaultdict(set)
        for name, user_id in pairs:
            people[name].add(user_id)
        known = [name for name in people if name in bindings]
        return {(name, pk) for name in known for pk in bindings[name].hearers(people[name])}


class Stream(Feed):
    """The feed of one binding, made when it is first asked for."""

    prefix = "stream"
    key_field = "name"
    topic_class = StreamTopic

    name = models.SlugField(max_length=100, unique=True)

    class Meta:
        verbose_name = _("stream")
        verbose_name_plural = _("streams")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def of(cls, name: str) -> "Stream":
        return cls.objects.get_or_create(name=name)[0]


class StreamItem(FeedItem):
    """What pages know of one row."""

    emptied: ClassVar[dict[str, object]] = {"data": "null"}

    stream = FeedKey(Stream, once=["key"], related_name="items")
    key = models.CharField(max_length=255)
    """The row's primary key, as text."""
    data = models.TextField()
    """JSON, as it is sent."""

    class Meta(FeedItem.Meta):
        verbose_name = _("stream item")
        verbose_name_plural = _("stream items")

    def __str__(self) -> str:
        return f"{self.key} of {self.stream}"

    def as_data(self) -> dict[str, object]:
        data = Raw(self.data.encode())
        names = ("seq", "rev", "deleted_at")
        return {"pk": self.key, "data": data} | {name: getattr(self, name) for name in names}

    @property
    def characters(self) -> int:
        return len(self.data)


class Binding:
    """The rows of `model`, live on every page that joins `stream:<stream>`."""

    model: ClassVar[type[Model]]
    stream: ClassVar[str]
    """A slug: the name of the stream."""
    fields: ClassVar[Sequence[str]] = ()
    """The fields that pages see."""
    for_everyone: ClassVar[bool] = False
    """Whether all who are signed in may hear it; otherwise those with the permission to view."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if hasattr(cls, "stream"):
            bindings[cls.stream] = cls

    # For subclasses

    @classmethod
    def queryset(cls) -> QuerySet[Any]:  # Any: rows of `model`
        """The rows that pages see; a row that is no longer among them is deleted on the page."""
        return cls.model._default_manager.all()

    @classmethod
    def serialize_data(cls, instance: Any) -> object:  # Any: a row of `model`
        """What pages see of a row: what msgspec encodes as JSON; the text of anything else."""
        return {name: instance.serializable_value(name) for name in cls.fields}

    @classmethod
    def hearers(cls, user_ids: Collection[int]) -> set[int]:
        """Those of these people who may hear the stream."""
        if cls.for_everyone:
            return set(user_ids)
        meta = cls.model._meta
        permission = f"{meta.app_label}.{get_permission_codename('view', meta)}"
        users: Any = get_user_model()._default_manager  # Any: the project's own manager
        backend = "django.contrib.auth.backends.ModelBackend"
        able = users.with_perm(permission, backend=backend).filter(pk__in=user_ids)
        return set(able.values_list("pk", flat=True))

    # For everyone

    @classmethod
    def changed(cls, pks: Iterable[object]) -> None:
        """Bring the items of these rows up to date once the transaction is committed.

        Call it for what no signal of the model tells: a bulk change, or a related row.
        """
        enqueue_many(sync_rows, [(cls.stream, chunk) for chunk in in_chunks(map(str, pks))])

    @classmethod
    def keys(cls) -> list[str]:
        """The primary keys of all rows, and of those that pages still see."""
        rows = cls.queryset().order_by("pk").values_list("pk", flat=True)
        shown = StreamItem.objects.filter(stream__name=cls.stream, deleted_at=None)
        return list(dict.fromkeys([*map(str, rows), *shown.values_list("key", flat=True)]))

    @classmethod
    def sync(cls, keys: Collection[str]) -> int:
        """Compare these rows with their items, and publish what differs; returns how much that was.

        What a transaction changed is compared after its commit; in it, call `changed`.
        """
        with Stream.of(cls.stream).changing() as changes:
            known = changes.feed.items.filter(key__in=keys)
            items = {item.key: item for item in changes.select(known)}
            appeared, differing = [], []
            for row in cls.queryset().filter(pk__in=keys).order_by("pk"):
                key, data = str(row.pk), json.encode(cls.serialize_data(row), enc_hook=str).decode()
                item = items.pop(key, None) or StreamItem(stream=changes.feed, key=key)
                if item.pk is None or item.deleted_at:
                    appeared.append(item)
                elif item.data != data:
                    differing.append(item)
                item.data, item.deleted_at = data, None
            changes.move(*appeared, fields=["data", "deleted_at"])
            changes.save(*differing, fields=["data"])
            gone = changes.delete(*items.values())
            told = {"row.created": appeared, "row.updated": differing, "row.deleted": gone}
            events = [
                Event(changes.feed.group, name, item.as_data(), item.rev)
                for name, changed in told.items()
                for item in changed
            ]
            publish_many(changes.feed.topic, events[-1:] if len(events) > EVENTS else events)
        return len(events)

    @classmethod
    def prune(cls) -> None:
        """Forget the rows that were deleted longer than `KEPT` ago."""
        with Stream.of(cls.stream).changing() as changes:
            changes.prune(changes.feed.items.filter(deleted_at__lt=timezone.now() - KEPT))


def in_chunks(keys: Iterable[str]) -> list[list[str]]:
    """`keys` by `CHUNK_ROWS`."""
    every = list(keys)
    return [every[start : start + CHUNK_ROWS] for start in range(0, len(every), CHUNK_ROWS)]


@task
def sync_rows(stream: str, keys: list[str]) -> None:
    if stream in bindings:  # other code may have had it
        bindings[stream].sync(keys)


def connect_signals() -> None:
    """Follow the models of all bindings, and what derives from these.

    Raises:
        ImproperlyConfigured: a binding names a field that is no column.
    """
    for binding in bindings.values():
        columns = {field.name for field in binding.model._meta.concrete_fields}
        if unknown := set(binding.fields) - columns:
            raise ImproperlyConfigured(
                f"{binding.model.__name__} has no column {', '.join(sorted(unknown))}: correct the "
                f"`fields` of {binding.__name__}, or give it a `serialize_data`."
            )
        for model in apps.get_models():
            if issubclass(model, _table(binding)):
                post_save.connect(_row_changed, sender=model)
                post_delete.connect(_row_changed, sender=model)


def _row_changed(instance: Model, **kwargs: Any) -> None:  # Any: as the signals send it
    for binding in bindings.values():
        if isinstance(instance, _table(binding)):
            binding.changed([instance.pk])


def _table(binding: type[Binding]) -> type[Model]:
    return binding.model._meta.concrete_model or binding.model  # of a proxy, what it stands for


class GetOlder(Struct, forbid_unknown_fields=True):
    before: Revision
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class StreamConsumer(FeedConsumer[Stream]):
    """One person's part in the stream of a binding: at `ws/stream/<slug:name>/`."""

    feed_model = Stream
    item_model = StreamItem
    events = dict.fromkeys(["row.created", "row.updated", "row.deleted"], StreamItem)

    @command("list")
    def get_older(self, data: GetOlder) -> ItemPage[Any]:
        """The rows before the `seq` `before`, the latest of them last."""
        if not Stream.topics.hearers([(self.feed_key, self.user_id)]):
            raise forbidden()
        shown = StreamItem.objects.filter(stream=self.feed, deleted_at=None)
        items, more = latest(shown, data.limit, data.before)
        return ItemPage(str(self.feed.epoch), [item.as_data() for item in items[::-1]], more)
