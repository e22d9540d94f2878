"""A room with people, a receiver of its messages, and bots that answer."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from accounts.models import User
from bots import actions as bots
from bots.models import Webhook
from chat import actions
from chat.models import Room
from chat.tests.conftest import Published, published, say
from realtime.tests.receiver import Receiver, receiving

__all__ = ["Published", "published", "say"]


@pytest.fixture
def room(ada: User, bob: User) -> Room:
    """A public room of ada's, which bob has joined."""
    room = actions.create_room(ada, name="General")
    actions.enter(room, bob)
    return room


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def webhook(room: Room, ada: User, receiver: Receiver) -> Webhook:
    """Of ada's; the room's messages go to the receiver."""
    return bots.create_webhook(room, ada, name="Deploys", url=receiver.url())[0]


@pytest.fixture
def helper(room: Room, ada: User, settings: Settings) -> User:
    """A bot that answers in the room by `answers.echo`; a test gives it another way."""
    settings.ANSWERING_BOTS = {"helper": "bots.tests.answers.echo"}
    return bots.add_answering_bot(room, ada, "helper")
