from django.db import models

from realtime.feeds.models import Feed, FeedItem, FeedKey


class Board(Feed):
    prefix = "board"
    for_everyone = True

    slug = models.SlugField(unique=True)

    def __str__(self) -> str:
        return self.slug


class Card(FeedItem):
    board = FeedKey(Board, once=["client_id"], related_name="cards")
    client_id = models.CharField(max_length=64)
    title = models.CharField(max_length=64)

    sent = ("client_id", "title")
    emptied = {"title": ""}
    template_name = "boards/card.html"

    def __str__(self) -> str:
        return self.title
