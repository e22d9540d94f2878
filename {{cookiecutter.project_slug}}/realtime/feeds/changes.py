"""Changing feeds: lock, number, save. Whoever changes one publishes what became of it.

    with board.changing() as changes:
        card, created = changes.get_or_add(Card(board=board, client_id=client_id, title=title))
        if created:
            publish(board.topic, "card.created", card.as_data(), rev=card.rev)

The row's lock lasts until the commit, so whoever takes a number has seen every lower one committed.
Rows are locked in the order of their ids, so that two transactions never wait for each other;
`no_key` lets others refer to the rows meanwhile. SQLite has one writer at a time and needs no row
locks, but its transactions must begin as writers: see `transaction_mode` in the settings. Nothing
waits for another service while the lock is held; what is published leaves after the commit.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.db import transaction
from django.db.models import Max, Model, Q, QuerySet
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _

from realtime.lookups import Lookup, increase, insert
from realtime.protocol import ErrorCode, Refusal

if TYPE_CHECKING:
    from realtime.feeds.models import Feed, FeedItem

FeedType = TypeVar("FeedType", bound="Feed")
ItemType = TypeVar("ItemType", bound="FeedItem")

feeds_changed = Signal()
"""Sent with `ids`, of feeds of the sender that have outlets, at the end of the transaction that
changes them."""

_held: ContextVar[frozenset[tuple[type[Model], int]]] = ContextVar("_held", default=frozenset())


class Changes(Generic[FeedType]):
    """The changes of one transaction to feeds that it has locked.

    Each method takes items of these feeds. An item that is changed must have been read under the
    lock, as `get` and `select` do. Model signals such as `post_save` are not sent.
    """

    def __init__(self, feeds: Iterable[FeedType]) -> None:
        self.feeds: dict[int, FeedType] = {}
        """The feeds as they are under the lock, by their ids; those that are gone are not here."""
        self._before: dict[int, dict[str, int]] = {}
        self._revs: dict[tuple[type[Model], int], int] = {}  # of items, as far as they are known
        self._keep(feeds)

    @property
    def feed(self) -> FeedType:
        """The only feed, as it is under the lock."""
        (feed,) = self.feeds.values()
        return feed

    def create(self, feeds: Sequence[FeedType]) -> None:
        """Make new feeds, which others see after the commit, and take them in."""
        if feeds:
            type(feeds[0])._default_manager.bulk_create(feeds)
            self._keep(feeds)

    def get(self, model: type[ItemType], **lookup: Any) -> ItemType:  # Any: of each field's type
        """An item of the only feed; it may be deleted.

        Raises:
            Refusal: `not_found`.
        """
        items = model._default_manager.filter(**{model.feed_field: self.feed.pk}, **lookup)
        found = self.select(items[:1])
        if not found:
            name = model._meta.verbose_name
            raise Refusal(ErrorCode.NOT_FOUND, _("There is no such %(name)s.") % {"name": name})
        return found[0]

    def select(self, items: QuerySet[ItemType]) -> list[ItemType]:
        """Read items of these feeds that are to be changed; each gets the feed that is here."""
        model: Any = items.model  # Any: the manager's class does not say which model it is of
        found: list[ItemType] = list(model.with_related(items))
        feed_model = model._meta.get_field(model.feed_field).related_model
        for item in found:
            feed = self.feeds[_feed_id(item)]
            if isinstance(feed, feed_model):
                setattr(item, model.feed_field, feed)
        self._know(model, found)
        return found

    def add(self, *items: ItemType) -> list[ItemType]:
        """Number new items and save them; returns what `recognise` does, retries take no number."""
        firsts = self.recognise(*items)
        self.add_new(*(item for item, first in zip(items, firsts, strict=True) if item is first))
        return firsts

    def recognise(self, *items: ItemType) -> list[ItemType]:
        """For each item itself; or, for a retry, the first that has the same `once`."""
        if not items or not items[0].once:
            return list(items)
        known = _known(items)
        return [known.setdefault(_identity(item), item) for item in items]

    def add_new(self, *items: ItemType) -> None:
        """As `add`, for items of which `recognise` has said that they are new."""
        if items:
            for item in items:
                item.seq = item.rev = self.mark(self.feeds[_feed_id(item)])
            insert(items)
            self._know(type(items[0]), items)

    def get_or_add(self, item: ItemType) -> tuple[ItemType, bool]:
        """As `add` for one item; the second value says whether it is new."""
        (added,) = self.add(item)
        return added, added is item

    def save(self, *items: ItemType, fields: Iterable[str]) -> None:
        """Give each item the next number, and write these of its fields.

        Raises:
            Refusal: `conflict`, the item is deleted, or was read before somebody else changed it.
        """
        self._write(items, ["rev", *fields])

    def move(self, *items: ItemType, fields: Iterable[str]) -> None:
        """As `save`, and put each item at the end of its feed; new ones are added there."""
        self._write(items, ["seq", "rev", *fields])

    def delete(self, *items: ItemType) -> list[ItemType]:
        """Empty the items, and mark them as deleted.

        Returns those that this deleted: others were before, and take no number.
        """
        there = [item for item in items if item.deleted_at is None]
        for item in there:
            item.deleted_at = timezone.now()
            for field, value in item.emptied.items():
                setattr(item, field, value)
        if there:
            self.save(*there, fields=["deleted_at", *there[0].emptied])
        return there

    def mark(self, feed: FeedType) -> int:
        """Take a number for a change that is not of one item, such as "all of them are read"."""
        feed.last_rev += 1
        return feed.last_rev

    def prune(self, items: QuerySet[ItemType]) -> int:
        """Drop items of these feeds for good; returns how many.

        Whoever resumes from before the latest change of one of them starts over.
        """
        model: Any = items.model  # Any: as in `select`
        old = items.filter(**{f"{model.feed_field}__in": list(self.feeds)}).order_by()
        for pk, rev in old.values_list(model.feed_field).annotate(Max("rev")):
            self.feeds[pk].pruned_rev = max(self.feeds[pk].pruned_rev, rev)
        return old.delete()[1].get(model._meta.label, 0)  # without what hangs on them

    def _keep(self, feeds: Iterable[FeedType]) -> None:
        for feed in feeds:
            self.feeds[feed.pk] = feed
            self._before[feed.pk] = _counts(feed)

    def _write(self, items: Sequence[ItemType], fields: list[str]) -> None:
        if not items:
            return
        model = type(items[0])
        self._refuse_deleted(items, fields)
        self._refuse_stale(model, [item for item in items if item.pk is not None])
        for item in items:
            item.rev = self.mark(self.feeds[_feed_id(item)])
            if "seq" in fields:
                item.seq = item.rev
        if len(items) == 1 and items[0].pk is not None:
            items[0].save(update_fields=fields)
        else:  # one query; a row that is there conflicts with itself and is written over
            model._default_manager.bulk_create(
                items, update_conflicts=True, unique_fields=["id"], update_fields=fields
            )
        self._know(model, items)

    def _know(self, model: type[ItemType], items: Iterable[ItemType]) -> None:
        self._revs.update({(model, item.pk): item.rev for item in items})

    def _refuse_stale(self, model: type[ItemType], items: Sequence[ItemType]) -> None:
        unknown = [item.pk for item in items if (model, item.pk) not in self._revs]
        if unknown:
            rows = model._default_manager.filter(pk__in=unknown).values_list("pk", "rev")
            self._revs.update({(model, pk): rev for pk, rev in rows})
        if any(self._revs.get((model, item.pk)) != item.rev for item in items):
            detail = _("This was changed meanwhile. Look at it again.")
            raise Refusal(ErrorCode.CONFLICT, detail)

    def _refuse_deleted(self, items: Sequence[ItemType], fields: Iterable[str]) -> None:
        if "deleted_at" not in fields and any(item.deleted_at for item in items):
            raise Refusal(ErrorCode.CONFLICT, _("This was deleted."))

    def save_feeds(self) -> None:
        """Write what the feeds count, in one query for all that changed by as much."""
        changed: dict[tuple[tuple[str, int], ...], list[int]] = defaultdict(list)
        for pk, feed in self.feeds.items():
            now, before = _counts(feed), self._before[pk]
            changed[tuple((name, now[name] - before[name]) for name in now)].append(pk)
        for steps, pks in changed.items():
            if updates := {name: step for name, step in steps if step}:
                model = type(self.feeds[pks[0]])
                increase(model, pks, updates)
                if ids := [pk for pk in pks if self.feeds[pk].has_outlets]:
                    feeds_changed.send(model, ids=ids)


def changing(
    feeds: QuerySet[FeedType], *, savepoint: bool = True
) -> AbstractContextManager[Changes[FeedType]]:
    """A transaction that holds the locks of `feeds`; `Changes.feeds` has those that there are.

    Args:
        savepoint: as of `transaction.atomic`.

    Raises:
        RuntimeError: the code that calls this holds one of them already.
    """
    locked = feeds.select_for_update(no_key=True).order_by("pk")
    return _changing(feeds.model, lambda: locked, savepoint)


def changing_few(
    model: type[FeedType], pks: Iterable[int]
) -> AbstractContextManager[Changes[FeedType]]:
    """As `changing`, at less cost, for the feeds with these primary keys: up to some hundred."""
    keys = [(pk,) for pk in sorted(pks)]
    return _changing(model, lambda: _lookup(model)(keys))


@contextmanager
def _changing(
    model: type[FeedType], feeds: Callable[[], Iterable[FeedType]], savepoint: bool = True
) -> Iterator[Changes[FeedType]]:
    with transaction.atomic(savepoint=savepoint):
        changes = Changes(feeds())
        taken = {(model, pk) for pk in changes.feeds}
        if taken & _held.get():
            raise RuntimeError("A feed cannot be changed within a change of its own.")
        token = _held.set(_held.get() | taken)
        try:
            yield changes
        finally:
            _held.reset(token)
        changes.save_feeds()


@cache
def _lookup(model: type[FeedType]) -> Lookup[FeedType]:
    locked = model._default_manager.select_for_update(no_key=True).order_by("pk")
    return Lookup(locked, model._meta.pk.name)


@cache
def _seen(model: type[ItemType]) -> Lookup[ItemType]:
    return Lookup(model._default_manager.order_by(), model.feed_field, *model.once)


def _counts(feed: "Feed") -> dict[str, int]:
    return {name: getattr(feed, name) for name in ("last_rev", "pruned_rev", *feed.counts)}


def _feed_id(item: "FeedItem") -> int:
    feed_id: int = getattr(item, f"{item.feed_field}_id")
    return feed_id


def _identity(item: "FeedItem") -> tuple[Any, ...]:  # Any: of each field's type
    return _feed_id(item), *(item.serializable_value(name) for name in item.once)


def _known(items: Sequence[ItemType]) -> dict[Any, ItemType]:  # Any: see `_identity`
    """The items that were added before under the same `once`, by what they are recognised by."""
    model = type(items[0])
    keys = {_identity(item) for item in items}
    if not any(None in key for key in keys) and not _seen(model)(keys):
        return {}
    *senders, last = items[0].once
    names: dict[tuple[Any, ...], set[Any]] = defaultdict(set)
    for item in items:
        *sender, name = _identity(item)
        names[tuple(sender)].add(name)
    fields = (items[0].feed_field, *senders)
    wanted = reduce(
        or_,
        (
            Q(**dict(zip(fields, sender, strict=True)), **{f"{last}__in": values})
            for sender, values in names.items()
        ),
    )
    found = model.with_related(model._default_manager.filter(wanted))
    return {_identity(item): item for item in found}
