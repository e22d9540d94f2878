"""A Bot API on this machine, and a person whose account is linked to a chat."""

from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from accounts.models import User
from bridges.telegram import conversation, linking
from bridges.telegram.models import Bot, Link
from bridges.telegram.tests.service import TOKEN, BotApi, bot_api
from chat import actions
from chat.models import Room

CHAT = 7
"""Ada's chat with the bot."""

Say = Callable[..., str]


@pytest.fixture
def api(settings: Settings) -> Iterator[BotApi]:
    with bot_api() as api:
        settings.TELEGRAM_API = api.url
        yield api


@pytest.fixture(autouse=True)
def token(settings: Settings) -> None:
    settings.TELEGRAM_TOKEN = TOKEN


@pytest.fixture
def bot(db: None) -> Bot:
    return Bot.objects.create(id=123456, username="parlour_bot")


@pytest.fixture
def room(ada: User, bob: User) -> Room:
    """Ada and bob are in it."""
    room = actions.create_room(ada, name="Tea Room")
    actions.enter(room, bob)
    return room


@pytest.fixture
def chat(ada: User) -> Link:
    """Ada's, linked."""
    assert linking.link(linking.new_code(ada), CHAT, "@ada_l") == ada
    return Link.objects.get()


@pytest.fixture
def say() -> Say:
    """Say something in ada's chat, as Telegram delivers it; returns what the bot answers."""
    ids = [100]

    def say(
        text: str | None,
        message_id: int | None = None,
        edited: bool = False,
        reply_to: int | None = None,
        chat_id: int = CHAT,
    ) -> str:
        message_id = message_id or max(ids) + 1
        ids.append(message_id)
        event = {
            "type": "chat.received_message",
            "message_id": message_id,
            "text": text,
            "edited": edited,
            "reply_to": reply_to,
        }
        answer = conversation.receive(chat_id, "@ada_l", event)
        if not edited:
            conversation.took(chat_id, message_id)
        return answer

    return say


@pytest.fixture
def reading(chat: Link, room: Room, say: Say) -> Link:
    """Ada's chat, in the tea room."""
    assert say("/room tea-room") == (
        "You are in Tea Room now. What you write here is posted there."
    )
    return chat
