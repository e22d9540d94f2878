from msgspec import Struct

from realtime.consumers import command
from realtime.feeds.consumer import FeedConsumer, ItemCommand
from realtime.protocol import ShortText
from realtime.tests.boards.models import Board, Card


class AddCard(Struct, forbid_unknown_fields=True):
    client_id: ShortText
    title: ShortText


class RenameCard(ItemCommand):
    title: ShortText


class BoardConsumer(FeedConsumer[Board]):
    feed_model = Board
    item_model = Card

    @command("card.add")
    def add(self, data: AddCard) -> object:
        with self.feed.changing() as changes:
            card = Card(board=self.feed, client_id=data.client_id, title=data.title)
            card, created = changes.get_or_add(card)
            return self.publish("card.created", card) if created else card.as_data()

    @command("card.rename")
    def rename(self, data: RenameCard) -> object:
        with self.feed.changing() as changes:
            card = changes.get(Card, seq=data.seq)
            card.title = data.title
            changes.save(card, fields=["title"])
            return self.publish("card.updated", card)

    @command("card.delete")
    def delete(self, data: ItemCommand) -> object:
        with self.feed.changing() as changes:
            card = changes.get(Card, seq=data.seq)
            gone = changes.delete(card)
            return self.publish("card.deleted", card) if gone else card.as_data()
