"""What sockets hear, compared with what their people may hear.

The layer may lose the message that ends or begins what somebody hears, as it may lose any other.
So each process compares after every gap, and every `CHECK_SECONDS`. It makes a query for each kind
of topic and `READ_PAIRS`, and for each class of consumers and `READ_SUBSCRIBERS` those of `heal`.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from realtime.database import DATABASE_AWAY, in_database
from realtime.delivery.hub import Hub, Subscriber
from realtime.protocol import CloseCode
from realtime.topics import Pair, Topic, topic_of

logger = logging.getLogger(__name__)

READ_PAIRS = 2_000
READ_SUBSCRIBERS = 500

FORBIDDEN = (CloseCode.FORBIDDEN, "You may not hear this any more.")
DELETED = (CloseCode.NOT_FOUND, "This was deleted.")


async def compare(hub: Hub) -> None:
    """Dismiss whoever may not hear a group any more; then let each subscriber heal.

    Subscribers that have not joined are left out: they read what they may hear once subscribed.
    """
    heard: dict[Topic, list[tuple[Pair, Subscriber]]] = defaultdict(list)
    of_class: dict[type[Subscriber], dict[Subscriber, None]] = defaultdict(dict)
    for group in hub.groups:
        topic = topic_of(group)
        for subscriber in hub.subscribers(group):
            if not subscriber.has_joined:
                continue
            of_class[type(subscriber)][subscriber] = None
            if topic is not None:
                heard[topic].append(((topic.key(group), subscriber.user_id), subscriber))
    for topic, pairs in heard.items():
        for start in range(0, len(pairs), READ_PAIRS):
            with _logged(f"Who may hear {topic.prefix}:... could not be read"):
                await _put_out(hub, topic, pairs[start : start + READ_PAIRS])
    for cls, found in of_class.items():
        subscribers = list(found)
        for start in range(0, len(subscribers), READ_SUBSCRIBERS):
            some = subscribers[start : start + READ_SUBSCRIBERS]
            with _logged(f"{cls.__name__} could not heal"):
                await cls.heal([each for each in some if each.has_joined])


@contextmanager
def _logged(failure: str) -> Iterator[None]:
    """Log what fails and go on with the others, unless the database is away."""
    try:
        yield
    except DATABASE_AWAY:
        raise
    except Exception:
        logger.exception(failure)


async def _put_out(hub: Hub, topic: Topic, heard: Collection[tuple[Pair, Subscriber]]) -> None:
    asked = {pair for pair, _ in heard}
    strangers = asked - await in_database(topic.hearers, asked)
    if not strangers:
        return
    existing = await in_database(topic.find, {key for key, _ in strangers})
    for (key, user_id), subscriber in heard:
        if (key, user_id) in strangers:
            closing = FORBIDDEN if key in existing else DELETED
            hub.dismiss(topic.group(key), subscriber, *closing)
