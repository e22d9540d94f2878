"""Topics: what the engine and other apps ask of the topics of an app, one class for each kind.

The app that owns a kind registers it once:

    class DocumentTopic(Topic):
        prefix = "document"

        def latest_revisions(self, keys: Collection[str]) -> Mapping[str, int]:
            return dict(Document.objects.filter(slug__in=keys).values_list("slug", "last_rev"))

    register(DocumentTopic())

The methods are synchronous and may use the ORM. Each answers for many topics or people at once.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from django.dispatch import Signal

from realtime.database import DATABASE_AWAY

logger = logging.getLogger(__name__)

Pair = tuple[str, int]
"""A topic, by its key, and a person, by their id."""

topics_changed = Signal()
"""Sent with `user_id`, in the transaction by which a person belongs to other topics."""
topic_left = Signal()
"""Sent with `user_id` and `key`, in the transaction that puts a person out of the topic `key`."""


class Topic:
    """A kind of topic, such as chat's rooms.

    The events of the topic with the key `general` go to the group `chat:general`, which is also
    the name that clients join.
    """

    prefix: str
    """What the names of its groups begin with, up to the colon."""
    name: str = ""
    """The name that clients join, where each person has a topic of their own."""
    shows_presence: bool = False
    """Whether the people of a topic see which of them are online."""

    def group(self, key: object) -> str:
        """The group that hears the topic."""
        return f"{self.prefix}:{key}"

    def topic(self, key: object) -> str:
        """The name of the topic in frames."""
        return self.name or self.group(key)

    def key(self, group: str) -> str:
        """The key of the topic that `group` hears."""
        return group.removeprefix(f"{self.prefix}:")

    def latest_revisions(self, keys: Collection[str]) -> Mapping[str, int]:
        """The latest revision of each topic that has revisions, in one query: for heartbeats."""
        return {}

    def hearers(self, pairs: Collection[Pair]) -> set[Pair]:
        """Those of `pairs` in which the person may hear the topic: whoever joined, by default.

        The engine asks after each gap of the layer and every `CHECK_SECONDS`, and dismisses others.
        """
        return set(pairs)

    def find(self, keys: Collection[str]) -> Collection[str]:
        """Those of `keys` that have a topic: all, by default."""
        return keys

    def keys_of(self, user_ids: Collection[int]) -> Mapping[int, Sequence[str]]:
        """The topics that each person belongs to, the latest that they came to first."""
        return {}

    def names_for(self, user_id: int, keys: Collection[str] | None = None) -> Mapping[str, str]:
        """The topics that a person belongs to, each with its name for them.

        Args:
            keys: the topics to look among; None for all of the person's.
        """
        return {}

    def link(self, key: str) -> str:
        """The path of the topic's page; empty where it has none."""
        return ""


_topics: dict[str, Topic] = {}


def register(topic: Topic) -> None:
    """Make a kind of topic known; of two with the same prefix, the later counts."""
    _topics[topic.prefix] = topic


def registered() -> Iterable[Topic]:
    """Every kind of topic."""
    return _topics.values()


def topic_of(group: str) -> Topic | None:
    """The kind of topic that `group` belongs to."""
    return _topics.get(group.partition(":")[0])


def latest_revisions(groups: Iterable[str]) -> Iterator[tuple[str, str, int]]:
    """The group, the topic and the latest revision of those that have one."""
    keys: dict[Topic, list[str]] = defaultdict(list)
    for group in groups:
        topic = topic_of(group)
        if topic is not None:
            keys[topic].append(topic.key(group))
    for topic, wanted in keys.items():
        try:
            revisions = topic.latest_revisions(wanted)
        except DATABASE_AWAY:
            raise
        except Exception:  # the other kinds have their heartbeats
            logger.exception("The latest revisions of %s:... could not be read", topic.prefix)
            continue
        for key, rev in revisions.items():
            yield topic.group(key), topic.topic(key), rev
