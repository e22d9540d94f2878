"""Reading feeds: pages of items, and what has changed since a revision."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, Generic, NamedTuple, TypeVar

from django.db.models import Q, QuerySet

from realtime.feeds.models import Feed, FeedItem

ItemType = TypeVar("ItemType", bound=FeedItem)

PAGE_CHARACTERS = 65_536
"""A page of long items ends sooner: whatever the script, it leaves room in a socket's outbox."""
FEW_CHANGES = 20
"""Whoever missed no more is answered from what is read for all of them together."""


class Page(NamedTuple, Generic[ItemType]):
    """Some items, and whether there are more."""

    items: list[ItemType]
    more: bool


class Since(NamedTuple):
    """What a client has of a feed: all up to the revision `rev`, of the run of numbers `epoch`."""

    rev: int
    epoch: str


def latest(items: QuerySet[ItemType], limit: int, before: int | None = None) -> Page[ItemType]:
    """The latest of `items`, or the latest before the `seq` `before`; the latest comes first.

    `limit` of them at most, and fewer where they are long.
    """
    if before is not None:
        items = items.filter(seq__lt=before)
    return _first(items.order_by("-seq"), limit)


class Missed(Generic[ItemType]):
    """The changes after some places: all that are few are read together, others when asked for.

    Args:
        places: feeds, each with the revision that somebody has.
        limit: the items of a page.
    """

    def __init__(
        self, model: type[ItemType], places: Iterable[tuple[Feed, int]], limit: int
    ) -> None:
        self._model = model
        self._limit = limit
        self._from: dict[int, int] = {}
        for feed, rev in places:
            if 0 < feed.last_rev - rev <= FEW_CHANGES:
                self._from[feed.pk] = min(self._from.get(feed.pk, rev), rev)
        self._few = self._read_few(self._from)

    def page(self, feed: Feed, since: int) -> Page[ItemType]:
        """The first items to change after `since`, by their latest change."""
        if since >= feed.last_rev:
            return Page([], more=False)
        if since >= self._from.get(feed.pk, feed.last_rev):
            few = [item for item in self._few[feed.pk] if item.rev > since]
            return _page_of(few, self._limit)
        items = self._model._default_manager.filter(
            **{self._model.feed_field: feed.pk}, rev__gt=since
        )
        return _first(items.order_by("rev"), self._limit)

    def _read_few(self, since: Mapping[int, int]) -> Mapping[int, Sequence[ItemType]]:
        found: dict[int, list[ItemType]] = defaultdict(list)
        if not since:
            return found
        field = self._model.feed_field
        after = reduce(or_, (Q(**{field: pk, "rev__gt": rev}) for pk, rev in since.items()))
        items = self._model.with_related(self._model._default_manager.filter(after))
        for item in items.order_by("rev"):
            found[getattr(item, f"{field}_id")].append(item)
        return found


def number(text: str) -> int:
    """A number out of a query string; -1, which is no place in any feed, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 16 else -1


def _first(items: QuerySet[ItemType], limit: int) -> Page[ItemType]:
    model: Any = items.model  # Any: the manager's class does not say which model it is of
    return _page_of(list(model.with_related(items)[: limit + 1]), limit)


def _page_of(items: Sequence[ItemType], limit: int) -> Page[ItemType]:
    page: list[ItemType] = []
    characters = 0
    for item in items[:limit]:
        characters += item.characters
        if page and characters > PAGE_CHARACTERS:
            break
        page.append(item)
    return Page(page, len(items) > len(page))
