from collections.abc import Collection
from datetime import datetime

from django.db import models
from msgspec import Struct

from realtime.feeds.models import Feed, FeedItem, FeedTopic, feed_constraints
from realtime.topics import Pair


class CardData(Struct, frozen=True):
    seq: int
    rev: int
    client_id: str
    title: str
    deleted_at: datetime | None


class BoardTopic(FeedTopic):
    def hearers(self, pairs: Collection[Pair]) -> set[Pair]:
        return set(pairs)  # everyone who is signed in


class Board(Feed):
    prefix = "board"
    topic_class = BoardTopic

    slug = models.SlugField(unique=True)


class Card(FeedItem):
    feed_field = "board"
    once = ("client_id",)
    emptied = {"title": ""}

    board = models.ForeignKey(Board, on_delete=models.CASCADE, related_name="cards")
    client_id = models.CharField(max_length=64)
    title = models.CharField(max_length=80)

    class Meta(FeedItem.Meta):
        constraints = feed_constraints("board", "card", once=["client_id"])

    def as_data(self) -> CardData:
        return CardData(self.seq, self.rev, self.client_id, self.title, self.deleted_at)
