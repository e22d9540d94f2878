"""The consumer of a feed: its welcome, and what a client has missed."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser
from msgspec import Struct

from realtime.batching import Batcher
from realtime.consumers import Consumer, Reply, command
from realtime.delivery.engine import running_engine
from realtime.feeds.models import Feed, FeedItem
from realtime.feeds.reading import Missed, Since, latest, number
from realtime.protocol import ErrorCode, Refusal, Revision, Text
from realtime.topics import Pair

FeedType = TypeVar("FeedType", bound=Feed)
Value = TypeVar("Value")

MOST_JOINING = 20_000
"""At once, in one process."""


class GetChanges(Struct, forbid_unknown_fields=True):
    since: Revision
    epoch: Text


class ItemPage(Struct, frozen=True):
    """Items of a feed: the data of `welcome`, `changes` and `reset`."""

    epoch: str
    items: list[Any]  # Any: what the item's `as_data` gives
    more: bool


class Guest(NamedTuple, Generic[FeedType]):
    """Someone who wants to hear a feed."""

    feed: FeedType
    user: Any  # Any: the project's user model
    resumes: bool = False
    """Whether they were here before, and come back after a loss."""

    @property
    def pair(self) -> Pair:
        return self.feed.topic_key, self.user.pk


class JoinRequest(NamedTuple):
    """Someone who joins a feed's topic, with what they have of it where they come back."""

    key: str
    user: AbstractBaseUser
    since: Since | None


class CatchUp(NamedTuple):
    """A frame of what a client has missed, and where it leads, if there is more."""

    frame: Reply
    then: Since | None = None


class Joined(NamedTuple):
    """What someone who has joined is sent; the welcome brings them to the revision `rev`."""

    feed: Any  # Any: a row of `feed_model`
    welcome: object
    rev: int
    missed: CatchUp | None


class FeedConsumer(Consumer, Generic[FeedType]):
    """One person's part in one feed.

        class BoardConsumer(FeedConsumer[Board]):
            feed_model = Board
            item_model = Card

    Whoever joins is subscribed first: what is published from then on is heard, and what was before
    is in the rows. All who join or catch up at once, as after a restart, are served together: the
    class methods below are given all of them, run in a thread, and may use the ORM.

    A subclass decides in `admit` who may come and what the welcome says. Who may still ask for
    changes is what the feed's `Topic.hearers` says.
    """

    feed_model: ClassVar[type[Feed]]
    item_model: ClassVar[type[FeedItem]]
    page_items: ClassVar[int] = 50
    """A frame carries so many items at most."""

    feed: FeedType
    """The feed as it was when this person joined."""

    _joins: ClassVar[Batcher[JoinRequest, Joined]]
    _catch_ups: ClassVar[Batcher[JoinRequest, CatchUp]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._joins = Batcher(
            cls._join_all, key=lambda each: each.key, linger=True, most_waiting=MOST_JOINING
        )
        cls._catch_ups = Batcher(
            cls._catch_up_all, key=lambda each: each.key, linger=True, most_waiting=MOST_JOINING
        )

    # For subclasses

    @property
    def feed_key(self) -> str:
        """The key of the feed's topic; by default what the route calls its `key_field`."""
        return self.kwargs[self.feed_model.key_field]

    @classmethod
    def admit(cls, guests: Sequence[Guest[FeedType]]) -> Sequence[object]:
        """For each guest the data of the welcome, which has an `epoch`; or a `Refusal`."""
        hearers = cls.feed_model.topics.hearers({guest.pair for guest in guests})
        welcome = cache(cls.reset_data)
        return [welcome(each.feed) if each.pair in hearers else forbidden() for each in guests]

    @classmethod
    def reset_data(cls, feed: FeedType) -> object:
        """What a client begins afresh with."""
        shown = cls.item_model._default_manager.filter(
            **{cls.item_model.feed_field: feed.pk}, deleted_at=None
        )
        items, more = latest(shown, cls.page_items)
        return cls.changes_data(feed, items[::-1], more)

    @classmethod
    def changes_data(cls, feed: FeedType, items: Sequence[Any], more: bool) -> object:
        """The data of `changes`: items, rows of `item_model`, in the order of their changes."""
        return ItemPage(str(feed.epoch), [item.as_data() for item in items], more)

    @classmethod
    def read_for_crowd(cls, feed: Feed, key: str, read: Callable[[], Value]) -> Value:
        """What `read` gives; or gave for `key`, a moment ago, if no event came to the feed since.

        For what is the same in the welcome of all who join one after the other.
        """
        engine = running_engine()
        return engine.hub.kept(feed.group).get_or_read(key, read) if engine else read()

    # Joining and catching up

    async def join(self) -> None:
        topics = self.feed_model.topics
        self.topic = topics.topic(self.feed_key)
        await self.subscribe(topics.group(self.feed_key))
        since = None
        if "since" in self.query:
            since = Since(number(self.query["since"]), self.query.get("epoch", ""))
        joined = await self._joins.submit(JoinRequest(self.feed_key, self.user, since))
        self.feed = joined.feed
        self.welcome(joined.welcome, rev=joined.rev)
        if joined.missed is not None:
            self.send(*await self._last_of(joined.missed))

    @command("changes")
    async def get_changes(self, data: GetChanges) -> Reply:
        return await self._last_of(await self._missed(Since(data.since, data.epoch)))

    async def _missed(self, since: Since) -> CatchUp:
        return await self._catch_ups.submit(JoinRequest(self.feed_key, self.user, since))

    async def _last_of(self, missed: CatchUp) -> Reply:
        """Send all that is missing but the last frame, no faster than it is read; return that."""
        while missed.then is not None:
            self.send(*missed.frame)
            if not await self.socket.drained():
                break
            missed = await self._missed(missed.then)
        return missed.frame

    @classmethod
    def _join_all(cls, requests: Sequence[JoinRequest]) -> list[Joined | Exception]:
        feeds = cls._find(requests)
        # Taken before `admit`, which may change a feed: it must promise nothing that rows lack.
        revs = {key: feed.last_rev for key, feed in feeds.items()}
        known = [each for each in requests if each.key in feeds]
        guests = [Guest(feeds[each.key], each.user, each.since is not None) for each in known]
        welcomes = iter(cls.admit(guests))
        missed = cls._catch_up(known, feeds)

        def joined(request: JoinRequest) -> Joined | Exception:
            feed = feeds.get(request.key)
            if feed is None:
                return cls._not_found()
            welcome = next(welcomes)
            if isinstance(welcome, Exception):
                return welcome
            return Joined(feed, welcome, revs[request.key], missed.get((feed, request.since)))

        return [joined(request) for request in requests]

    @classmethod
    def _catch_up_all(cls, requests: Sequence[JoinRequest]) -> list[CatchUp | Exception]:
        feeds = cls._find(requests)
        hearers = cls.feed_model.topics.hearers({(each.key, each.user.pk) for each in requests})
        missed = cls._catch_up([each for each in requests if each.key in feeds], feeds)

        def caught_up(request: JoinRequest) -> CatchUp | Exception:
            feed = feeds.get(request.key)
            if feed is None or request.since is None:
                return cls._not_found()
            if (request.key, request.user.pk) not in hearers:
                return forbidden()
            return missed[feed, request.since]

        return [caught_up(request) for request in requests]

    @classmethod
    def _find(cls, requests: Sequence[JoinRequest]) -> Mapping[str, Any]:  # Any: the feeds' rows
        return cls.feed_model.topics.find({each.key for each in requests})

    @classmethod
    def _not_found(cls) -> Refusal:
        name = cls.feed_model._meta.verbose_name
        return Refusal(ErrorCode.NOT_FOUND, f"There is no such {name}.")

    @classmethod
    def _catch_up(
        cls, requests: Sequence[JoinRequest], feeds: Mapping[str, Any]
    ) -> dict[tuple[Any, Since | None], CatchUp]:  # Any: the feeds' rows
        """The frame that leads on from each place; a reset if the place is not in this run."""
        places = {(feeds[each.key], each.since) for each in requests if each.since}
        known = [
            (feed, since)
            for feed, since in places
            if since.epoch == str(feed.epoch) and feed.pruned_rev <= since.rev <= feed.last_rev
        ]
        revs = [(feed, since.rev) for feed, since in known]
        missed = Missed(cls.item_model, revs, cls.page_items)
        pages = {(feed, since): missed.page(feed, since.rev) for feed, since in known}
        # Read after the pages: an item that was pruned meanwhile is missing in them.
        rows = cls.feed_model._default_manager.filter(pk__in={feed.pk for feed, _ in known})
        pruned = dict(rows.values_list("pk", "pruned_rev")) if known else {}

        def catch_up(feed: Any, since: Since) -> CatchUp:
            if (feed, since) not in pages or since.rev < pruned.get(feed.pk, 0):
                return CatchUp(Reply("reset", cls.reset_data(feed), feed.last_rev))
            items, more = pages[feed, since]
            newest = items[-1].rev if items else since.rev
            rev = newest if more else max(newest, feed.last_rev)
            frame = Reply("changes", cls.changes_data(feed, items, more), rev)
            return CatchUp(frame, Since(rev, since.epoch) if more else None)

        return {place: catch_up(*place) for place in places}


def forbidden() -> Refusal:
    """The refusal of someone whom the feed's topic does not let hear it."""
    return Refusal(ErrorCode.FORBIDDEN, "You may not hear this topic.")
