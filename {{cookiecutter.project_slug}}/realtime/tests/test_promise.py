"""The documented feed keeps the promise of feeds; see `realtime.tests.feed_story`."""

from accounts.models import User
from realtime.starting.boards.consumers import BoardConsumer
from realtime.starting.boards.models import Board
from realtime.tests.feed_devices import FeedUnderTest
from realtime.tests.feed_story import Rounds, play, the_story
from realtime.tests.started import application


def make_board(owner: User, number: int) -> Board:
    return Board.objects.create(slug=f"board-{number}")


boards = FeedUnderTest(
    consumer=BoardConsumer,
    make=make_board,
    path=lambda board: f"/ws/board/{board.slug}/",
    add=lambda client_id, text: ("card.add", {"client_id": client_id, "title": text}),
    edit=lambda seq, text: ("card.rename", {"seq": seq, "title": text}),
    delete=lambda seq: ("card.delete", {"seq": seq}),
    application=application,
    text="title",
)


@the_story
async def test_everyone_ends_with_exactly_what_was_acknowledged(
    ada: User, bob: User, rounds: Rounds
) -> None:
    await play(boards, [ada, bob], rounds)
