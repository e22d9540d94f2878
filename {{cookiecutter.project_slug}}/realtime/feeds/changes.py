"""Changing feeds: lock, number, save. Whoever changes one publishes what became of it.

    with board.changing() as changes:
        (card,) = changes.add(Card(board=board, client_id=client_id, title=title))
        publish(board.topic, "card.created", card.as_data(), rev=card.rev)

The row's lock lasts until the commit, so whoever takes a number has seen every lower one committed.
Rows are locked in the order of their ids, so that two transactions never wait for each other;
`no_key` lets others refer to the rows meanwhile. SQLite has one writer at a time and needs no row
locks, but its transactions must begin as writers: see `transaction_mode` in the settings. Nothing
waits for another service while the lock is held; what is published leaves after the commit.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.db import transaction
from django.db.models import F, Model, Q, QuerySet
from django.utils import timezone

from realtime.protocol import ErrorCode, Refusal

if TYPE_CHECKING:
    from realtime.feeds.models import Feed, FeedItem

FeedType = TypeVar("FeedType", bound="Feed")
ItemType = TypeVar("ItemType", bound="FeedItem")

_held: ContextVar[frozenset[tuple[type[Model], int]]] = ContextVar("_held", default=frozenset())


class Changes(Generic[FeedType]):
    """The changes of one transaction to feeds that it has locked.

    Each method takes items of these feeds. An item that is changed must have been read under the
    lock, as `get` does. Model signals such as `post_save` are not sent.
    """

    def __init__(self, feeds: Mapping[int, FeedType]) -> None:
        self.feeds = feeds
        """The feeds as they are under the lock, by their ids; those that are gone are not here."""
        self._before = {pk: _counts(feed) for pk, feed in feeds.items()}

    @property
    def feed(self) -> FeedType:
        """The only feed, as it is under the lock."""
        (feed,) = self.feeds.values()
        return feed

    def get(self, model: type[ItemType], **lookup: Any) -> ItemType:  # Any: of each field's type
        """An item of the only feed, with this as its feed; it may be deleted.

        Raises:
            Refusal: `not_found`.
        """
        items = model.with_related(model._default_manager.all())
        item = items.filter(**{model.feed_field: self.feed.pk}, **lookup).first()
        if item is None:
            name = model._meta.verbose_name
            raise Refusal(ErrorCode.NOT_FOUND, f"There is no such {name}.")
        if model._meta.get_field(model.feed_field).related_model is type(self.feed):
            setattr(item, model.feed_field, self.feed)
        return item

    def add(self, *items: ItemType) -> list[ItemType]:
        """Number new items and save them.

        Returns for each the item itself; or, for a retry, the first that was added under the same
        `once`, which takes no number.
        """
        once = bool(items) and bool(items[0].once)
        identities = [_identity(item) if once else id(item) for item in items]
        known = _known(type(items[0]), identities) if once else {}
        added: list[ItemType] = []
        result = []
        for item, identity in zip(items, identities, strict=True):
            if identity not in known:
                item.seq = item.rev = self.next_rev(item)
                known[identity] = item
                added.append(item)
            result.append(known[identity])
        if added:
            type(added[0])._default_manager.bulk_create(added)
        return result

    def save(self, *items: ItemType, fields: Iterable[str]) -> None:
        """Give each item the next number, and write these of its fields.

        Raises:
            Refusal: `conflict`, the item was read before somebody else changed it.
        """
        self._write(items, ["rev", *fields])

    def move(self, *items: ItemType, fields: Iterable[str]) -> None:
        """As `save`, and put each item at the end of its feed."""
        self._write(items, ["seq", "rev", *fields])

    def delete(self, *items: ItemType) -> None:
        """Empty the items, and mark them as deleted."""
        for item in items:
            item.deleted_at = timezone.now()
            for field, value in item.emptied.items():
                setattr(item, field, value)
        if items:
            self.save(*items, fields=["deleted_at", *items[0].emptied])

    def mark(self, feed: FeedType) -> int:
        """Take a number for a change that is not of one item, such as "all of them are read"."""
        feed.last_rev += 1
        return feed.last_rev

    def next_rev(self, item: "FeedItem") -> int:
        return self.mark(self.feeds[_feed_id(item)])

    def _write(self, items: Sequence[ItemType], fields: list[str]) -> None:
        if not items:
            return
        rows = type(items[0])._default_manager
        current = dict(rows.filter(pk__in=[item.pk for item in items]).values_list("pk", "rev"))
        for item in items:
            if current.get(item.pk) != item.rev:
                raise Refusal(ErrorCode.CONFLICT, "This was changed meanwhile. Look at it again.")
            item.rev = self.next_rev(item)
            if "seq" in fields:
                item.seq = item.rev
        if len(items) == 1:
            items[0].save(update_fields=fields)
        else:  # one query; the rows are there, so each conflicts with itself and is written over
            rows.bulk_create(
                items, update_conflicts=True, unique_fields=["id"], update_fields=fields
            )

    def save_feeds(self) -> None:
        """Write what the feeds count, in one query for all that changed by as much."""
        changed: dict[tuple[tuple[str, int], ...], list[int]] = defaultdict(list)
        for pk, feed in self.feeds.items():
            now, before = _counts(feed), self._before[pk]
            changed[tuple((name, now[name] - before[name]) for name in now)].append(pk)
        for steps, pks in changed.items():
            updates = {name: F(name) + step for name, step in steps if step}
            if updates:
                model = type(self.feeds[pks[0]])
                model._default_manager.filter(pk__in=pks).update(**updates)


@contextmanager
def changing(feeds: QuerySet[FeedType]) -> Iterator[Changes[FeedType]]:
    """A transaction that holds the locks of `feeds`; `Changes.feeds` has those that there are.

    Raises:
        RuntimeError: the code that calls this holds one of them already.
    """
    with transaction.atomic():
        rows = feeds.select_for_update(no_key=True).order_by("pk")
        changes = Changes({feed.pk: feed for feed in rows})
        taken = {(feeds.model, pk) for pk in changes.feeds}
        if taken & _held.get():
            raise RuntimeError("A feed cannot be changed within a change of its own.")
        token = _held.set(_held.get() | taken)
        try:
            yield changes
        finally:
            _held.reset(token)
        changes.save_feeds()


@contextmanager
def changing_one(feed: FeedType) -> Iterator[Changes[FeedType]]:
    """See `Feed.changing`."""
    with changing(type(feed)._default_manager.filter(pk=feed.pk)) as changes:
        if not changes.feeds:
            name = feed._meta.verbose_name
            raise Refusal(ErrorCode.NOT_FOUND, f"There is no such {name} any more.")
        yield changes


def _counts(feed: "Feed") -> dict[str, int]:
    return {name: getattr(feed, name) for name in ("last_rev", *feed.counts)}


def _feed_id(item: "FeedItem") -> int:
    feed_id: int = getattr(item, f"{item.feed_field}_id")
    return feed_id


def _identity(item: "FeedItem") -> tuple[Any, ...]:  # Any: of each field's type
    return _feed_id(item), *(item.serializable_value(name) for name in item.once)


def _known(model: type[ItemType], identities: Iterable[Any]) -> dict[Any, ItemType]:
    """The items that were added before under the same `once`, by what they are recognised by."""
    *senders, last = model.once
    names: dict[tuple[Any, ...], set[Any]] = defaultdict(set)  # Any: see `_identity`
    for *sender, name in identities:
        names[tuple(sender)].add(name)
    fields = (model.feed_field, *senders)
    wanted = reduce(
        or_,
        (
            Q(**dict(zip(fields, sender, strict=True)), **{f"{last}__in": values})
            for sender, values in names.items()
        ),
    )
    found = model.with_related(model._default_manager.filter(wanted))
    return {_identity(item): item for item in found}
