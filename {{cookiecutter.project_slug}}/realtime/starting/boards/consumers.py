from msgspec import Struct

from realtime.consumers import command
from realtime.feeds.consumer import FeedConsumer, ItemCommand
from realtime.protocol import ShortText
from realtime.starting.boards import actions
from realtime.starting.boards.models import Board, Card


class AddCard(Struct, forbid_unknown_fields=True):
    client_id: ShortText
    title: ShortText


class RenameCard(ItemCommand):
    title: ShortText


class BoardConsumer(FeedConsumer[Board]):
    feed_model = Board
    item_model = Card
    events = dict.fromkeys(
        ["card.created", "card.updated", "card.deleted"],
        Card,
    )

    @command("card.add")
    def add(self, data: AddCard) -> object:
        return actions.add(self.feed, data.client_id, data.title)

    @command("card.rename")
    def rename(self, data: RenameCard) -> object:
        return actions.rename(self.feed, data.seq, data.title)

    @command("card.delete")
    def delete(self, data: ItemCommand) -> object:
        return actions.delete(self.feed, data.seq)
