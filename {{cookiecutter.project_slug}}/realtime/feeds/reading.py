"""Reading feeds: pages of items, and what has changed since a revision."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, Generic, NamedTuple, TypeVar

from django.db.models import OuterRef, Q, QuerySet, Subquery

from realtime.feeds.models import FeedItem

ItemType = TypeVar("ItemType", bound=FeedItem)

PAGE_CHARACTERS = 65_536
"""A page of long items ends sooner: whatever the script, it leaves room in a socket's outbox."""
FEW_CHANGES = 20
"""Whoever missed no more is answered from what is read for all of them together."""


class Page(NamedTuple, Generic[ItemType]):
    """Some items, and whether there are more."""

    items: list[ItemType]
    more: bool


Place = tuple[Any, int]  # Any: a feed's row
"""A feed, and the revision that somebody has of it."""


def latest(items: QuerySet[ItemType], limit: int, before: int | None = None) -> Page[ItemType]:
    """The latest of `items`, or the latest before the `seq` `before`; the latest comes first.

    `limit` of them at most, and fewer where they are long.
    """
    if before is not None:
        items = items.filter(seq__lt=before)
    return _first(items.order_by("-seq"), limit)


def latest_of_each(
    items: QuerySet[ItemType], feeds: Sequence[Any], limit: int
) -> list[Page[ItemType]]:
    """As `latest`, for each of the `feeds`, which are rows of one model; two queries."""
    model: Any = items.model  # Any: as in `_first`
    numbered = [feed.pk for feed in feeds if feed.last_rev]
    if not numbered:
        return [Page([], False) for _ in feeds]
    theirs = items.filter(**{model.feed_field: OuterRef("pk")}).order_by("-seq")
    rows = type(feeds[0])._default_manager.filter(pk__in=numbered)
    oldest = rows.annotate(oldest=Subquery(theirs.values("seq")[limit : limit + 1]))
    first = dict(oldest.values_list("pk", "oldest"))
    wanted = (Q(**{model.feed_field: pk, "seq__gte": seq or 0}) for pk, seq in first.items())
    found: dict[int, list[ItemType]] = defaultdict(list)
    shown = model.with_related(items.filter(reduce(or_, wanted, Q(pk__in=[]))))
    for item in shown.order_by("-seq"):
        found[getattr(item, f"{model.feed_field}_id")].append(item)
    pages = ((feed.pk, _page_of(found[feed.pk], limit)) for feed in feeds)
    # One may have gone between the two queries.
    return [page._replace(more=page.more or first.get(pk) is not None) for pk, page in pages]


def following(items: QuerySet[ItemType], limit: int, after: int) -> Page[ItemType]:
    """The first of `items` after the `seq` `after`, by their `seq`; `limit` of them at most."""
    return _first(items.filter(seq__gt=after).order_by("seq"), limit)


def missed(
    model: type[ItemType], places: Collection[Place], limit: int
) -> dict[Place, Page[ItemType]]:
    """What follows each of `places`: the first items to change, by their latest change.

    Those who missed few are answered from what is read for all of them together.
    """
    oldest: dict[int, int] = {}
    for feed, rev in places:
        if 0 < feed.last_rev - rev <= FEW_CHANGES:
            oldest[feed.pk] = min(oldest.get(feed.pk, rev), rev)
    few = _few(model, oldest)

    def page(feed: Any, rev: int) -> Page[ItemType]:
        if rev >= oldest.get(feed.pk, feed.last_rev):
            return _page_of([item for item in few.get(feed.pk, []) if item.rev > rev], limit)
        items = model._default_manager.filter(**{model.feed_field: feed.pk}, rev__gt=rev)
        return _first(items.order_by("rev"), limit)

    return {place: page(*place) for place in places}


def _few(model: type[ItemType], oldest: Mapping[int, int]) -> Mapping[int, Sequence[ItemType]]:
    """By the ids of feeds, the items that changed after a revision of each."""
    found: dict[int, list[ItemType]] = defaultdict(list)
    if oldest:
        field = model.feed_field
        after = reduce(or_, (Q(**{field: pk, "rev__gt": rev}) for pk, rev in oldest.items()))
        items = model.with_related(model._default_manager.filter(after))
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
