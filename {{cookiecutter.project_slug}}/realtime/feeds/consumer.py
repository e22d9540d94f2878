"""The consumer of a feed: its welcome, and what a client has missed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from time import monotonic
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.translation import gettext as _
from msgspec import Struct

from realtime.batching import Batcher
from realtime.consumers import Consumer, Reply, command
from realtime.delivery.engine import running_engine
from realtime.feeds.models import Feed, FeedItem
from realtime.feeds.reading import latest_of_each, missed, number
from realtime.protocol import ErrorCode, Refusal, Revision, Text
from realtime.topics import Pair

FeedType = TypeVar("FeedType", bound=Feed)
Value = TypeVar("Value")
ItemData = TypeVar("ItemData")

KEPT_SECONDS = 1.0  # the longest that something is kept for those who join


class GetChanges(Struct, forbid_unknown_fields=True):
    since: Revision
    epoch: Text


class ItemCommand(Struct, forbid_unknown_fields=True):
    """The data of a command about an item."""

    seq: Revision


class ItemPage(Struct, Generic[ItemData], frozen=True):
    """Items of a feed: the data of `welcome`, `changes` and `reset`."""

    epoch: str
    items: list[ItemData]
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


class Since(NamedTuple):
    """What a client has of a feed: all up to the revision `rev`, of the run of numbers `epoch`."""

    rev: int
    epoch: str


class Request(NamedTuple):
    """Someone who joins a feed's topic, or asks for what they missed since."""

    key: str
    user: AbstractBaseUser
    since: Since | None
    joins: bool = False


class CatchUp(NamedTuple):
    """A frame of what a client has missed, and where it leads, if there is more."""

    frame: Reply
    then: Since | None = None


class Answer(NamedTuple):
    """The feed as it is at the revision `rev`, which the welcome of who joins brings them to."""

    feed: Any  # Any: a row of `feed_model`
    rev: int
    welcome: object
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

    events = {"welcome": ItemPage, "changes": ItemPage, "reset": ItemPage}

    feed_model: ClassVar[type[Feed]]
    item_model: ClassVar[type[FeedItem]]
    page_items: ClassVar[int] = 50
    """A frame carries so many items at most."""

    feed: FeedType
    """The feed as it was when this person joined."""

    _requests: ClassVar[Batcher[Request, Answer]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._requests = Batcher(cls._answer_all, key=lambda each: each.key, linger=True)

    # For subclasses

    @property
    def feed_key(self) -> str:
        """The key of the feed's topic; by default what the route calls its `key_field`."""
        return self.kwargs[self.feed_model.key_field]

    @classmethod
    def admit(cls, guests: Sequence[Guest[FeedType]]) -> Sequence[object]:
        """For each guest the data of the welcome, which has an `epoch`; or a `Refusal`."""
        hearers = cls.feed_model.topics.hearers({guest.pair for guest in guests})
        heard = list({each.feed for each in guests if each.pair in hearers})
        welcomes = dict(zip(heard, cls.reset_data(heard), strict=True))
        return [welcomes[each.feed] if each.pair in hearers else forbidden() for each in guests]

    @classmethod
    def reset_data(cls, feeds: Sequence[FeedType]) -> Sequence[object]:
        """For each feed what a client begins afresh with."""
        shown = cls.item_model._default_manager.filter(deleted_at=None)
        pages = latest_of_each(shown, feeds, cls.page_items)
        return [
            cls.changes_data(feed, items[::-1], more)
            for feed, (items, more) in zip(feeds, pages, strict=True)
        ]

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
        kept = engine.hub.kept(feed.group) if engine else {}
        kept_at, value = kept.get(key, (0.0, None))
        if monotonic() - kept_at > KEPT_SECONDS:
            kept_at, value = monotonic(), read()
            kept[key] = kept_at, value
        found: Value = value
        return found

    # Joining and catching up

    async def join(self) -> None:
        topics = self.feed_model.topics
        self.topic = topics.topic(self.feed_key)
        await self.subscribe(topics.group(self.feed_key))
        query, since = self.query, None
        if "since" in query:
            since = Since(number(query["since"]), query.get("epoch", ""))
        answer = await self._requests.submit(Request(self.feed_key, self.user, since, joins=True))
        self.feed = answer.feed
        self.welcome(answer.welcome, rev=answer.rev)
        if answer.missed is not None:
            self.send(*await self._last_of(answer.missed))

    @command("changes")
    async def get_changes(self, data: GetChanges) -> Reply:
        return await self._last_of(await self._missed(Since(data.since, data.epoch)))

    async def _missed(self, since: Since) -> CatchUp:
        answer = await self._requests.submit(Request(self.feed_key, self.user, since))
        assert answer.missed  # noqa: S101 (there is one for each `since`)
        return answer.missed

    async def _last_of(self, missed: CatchUp) -> Reply:
        """Send all that is missing but the last frame, no faster than it is read; return that."""
        while missed.then is not None:
            self.send(*missed.frame)
            if not await self.socket.drained():
                break
            missed = await self._missed(missed.then)
        return missed.frame

    @classmethod
    def _answer_all(cls, requests: Sequence[Request]) -> list[Answer | Exception]:
        topics = cls.feed_model.topics
        feeds = topics.find({each.key for each in requests})
        # Taken before `admit`, which may change a feed: it must promise nothing that rows lack.
        revs = {key: feed.last_rev for key, feed in feeds.items()}
        known = [each for each in requests if each.key in feeds]
        joining = [each for each in known if each.joins]
        guests = [Guest(feeds[each.key], each.user, each.since is not None) for each in joining]
        welcomes = iter(cls.admit(guests) if guests else ())
        asking = {(each.key, each.user.pk) for each in known if not each.joins}
        hearers = topics.hearers(asking) if asking else set()
        missed = cls._catch_up({(feeds[each.key], each.since) for each in known if each.since})

        def answer(request: Request) -> Answer | Exception:
            feed = feeds.get(request.key)
            if feed is None:
                name = cls.feed_model._meta.verbose_name
                detail = _("There is no such %(name)s.") % {"name": name}
                return Refusal(ErrorCode.NOT_FOUND, detail)
            welcome = next(welcomes) if request.joins else None
            if isinstance(welcome, Exception):
                return welcome
            if not request.joins and (request.key, request.user.pk) not in hearers:
                return forbidden()
            return Answer(feed, revs[request.key], welcome, missed.get((feed, request.since)))

        return [answer(request) for request in requests]

    @classmethod
    def _catch_up(
        cls, places: Collection[tuple[Any, Since]]
    ) -> Mapping[tuple[Any, Since | None], CatchUp]:  # Any: the feeds' rows
        """The frame that leads on from each place; a reset if the place is not in this run."""
        known = {
            (feed, since.rev)
            for feed, since in places
            if since.epoch == str(feed.epoch) and feed.pruned_rev <= since.rev <= feed.last_rev
        }
        pages = missed(cls.item_model, known, cls.page_items)
        # Read after the pages: an item that was pruned meanwhile is missing in them.
        rows = cls.feed_model._default_manager.filter(pk__in={feed.pk for feed, _ in known})
        pruned = dict(rows.values_list("pk", "pruned_rev")) if known else {}

        def catch_up(feed: Any, since: Since) -> CatchUp:
            is_here = since.epoch == str(feed.epoch) and (feed, since.rev) in pages
            if not is_here or since.rev < pruned.get(feed.pk, 0):
                return CatchUp(Reply("reset", cls.reset_data([feed])[0], feed.last_rev))
            items, more = pages[feed, since.rev]
            newest = items[-1].rev if items else since.rev
            rev = newest if more else max(newest, feed.last_rev)
            frame = Reply("changes", cls.changes_data(feed, items, more), rev)
            return CatchUp(frame, Since(rev, since.epoch) if more else None)

        return {place: catch_up(*place) for place in places}


def forbidden() -> Refusal:
    """The refusal of someone whom the feed's topic does not let hear it."""
    return Refusal(ErrorCode.FORBIDDEN, _("You may not hear this topic."))
