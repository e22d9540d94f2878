from msgspec import Struct

from realtime.consumers import command
from realtime.delivery.publishing import publish
from realtime.feeds.consumer import FeedConsumer
from realtime.protocol import Revision, ShortText
from realtime.tests.boards.models import Board, Card, CardData


class AddCard(Struct, forbid_unknown_fields=True):
    client_id: ShortText
    title: ShortText


class RenameCard(Struct, forbid_unknown_fields=True):
    seq: Revision
    title: ShortText


class DeleteCard(Struct, forbid_unknown_fields=True):
    seq: Revision


class BoardConsumer(FeedConsumer[Board]):
    feed_model = Board
    item_model = Card

    @command("card.add")
    def add(self, data: AddCard) -> CardData:
        with self.feed.changing() as changes:
            card, created = changes.get_or_add(
                Card(board=self.feed, client_id=data.client_id, title=data.title)
            )
            if created:
                publish(self.topic, "card.created", card.as_data(), rev=card.rev)
        return card.as_data()

    @command("card.rename")
    def rename(self, data: RenameCard) -> CardData:
        with self.feed.changing() as changes:
            card = changes.get(Card, seq=data.seq)
            card.title = data.title
            changes.save(card, fields=["title"])
            publish(self.topic, "card.updated", card.as_data(), rev=card.rev)
        return card.as_data()

    @command("card.delete")
    def delete(self, data: DeleteCard) -> CardData:
        with self.feed.changing() as changes:
            card = changes.get(Card, seq=data.seq)
            if card.deleted_at is None:
                changes.delete(card)
                publish(self.topic, "card.deleted", card.as_data(), rev=card.rev)
        return card.as_data()
