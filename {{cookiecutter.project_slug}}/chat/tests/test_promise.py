"""A room keeps the promise of feeds; see `realtime.tests.feed_story`."""

from accounts.models import User
from chat import actions
from chat.consumers import ChatConsumer
from chat.models import Room
from realtime.tests.feed_devices import FeedUnderTest
from realtime.tests.feed_story import Rounds, play, the_story


def make_room(owner: User, number: int) -> Room:
    return actions.create_room(owner, name=f"Room {number}")


rooms = FeedUnderTest(
    consumer=ChatConsumer,
    make=make_room,
    path=lambda room: f"/ws/chat/{room.slug}/",
    add=lambda client_id, text: ("message.send", {"client_id": client_id, "body": text}),
    edit=lambda seq, text: ("message.edit", {"seq": seq, "body": text}),
    delete=lambda seq: ("message.delete", {"seq": seq}),
    others=(lambda seq: ("reaction.toggle", {"seq": seq, "emoji": "👍"}),),
    items="messages",
    text="body",
)


@the_story
async def test_everyone_ends_with_exactly_what_was_acknowledged(
    ada: User, bob: User, rounds: Rounds
) -> None:
    await play(rooms, [ada, bob], rounds)
