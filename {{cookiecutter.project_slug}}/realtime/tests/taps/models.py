from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from time import sleep

from django.db import models

from realtime.feeds.models import Feed, FeedItem, FeedKey
from realtime.feeds.outlets import Outlet

faults: list[Exception] = []
"""Raised by the next deliveries, in turn."""


class Ledger(Feed):
    prefix = "ledger"
    for_everyone = True

    slug = models.SlugField(unique=True)


class Journal(Ledger):
    """A feed whose counts are in another table."""

    title = models.CharField(max_length=80)


class Entry(FeedItem):
    ledger = FeedKey(Ledger, related_name="entries")
    text = models.CharField(max_length=80)

    sent = ("text",)
    emptied = {"text": ""}


class Tap(Outlet):
    """Appends each entry to a file."""

    ledger = models.ForeignKey(Ledger, models.CASCADE)
    file = models.CharField(max_length=500)
    seconds = models.FloatField(default=0)

    feed_field = "ledger"
    item_model = Entry
    page_items = 2
    give_up_after = timedelta(hours=1)

    def __str__(self) -> str:
        return f"tap {self.pk}"

    def deliver(self, items: Sequence[Entry]) -> None:
        if faults:
            raise faults.pop(0)
        for item in items:
            with Path(self.file).open("a") as opened:
                opened.write(f"{item.text or '-'}\n")
            sleep(self.seconds)

    def gave_up(self) -> None:
        with Path(self.file).open("a") as opened:
            opened.write(f"gave up: {self.error}\n")
