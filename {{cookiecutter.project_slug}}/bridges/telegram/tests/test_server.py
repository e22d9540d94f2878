"""The interface server against a Bot API that fails: what it delivers, and when it acknowledges."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from channels.consumer import SyncConsumer
from channels.routing import get_default_application
from django.core.management import call_command
from django.db import OperationalError
from pytest_django import Settings

from accounts.models import User
from bridges.telegram import conversation, linking
from bridges.telegram.models import Bot, Link
from bridges.telegram.server import TelegramServer
from bridges.telegram.tests.conftest import CHAT
from bridges.telegram.tests.service import BotApi, Fault
from chat import actions
from chat.models import Message
from realtime import interfaces
from realtime.asgi import Application, Receive, Scope, Send
from realtime.database import in_database
from realtime.tasks import run_due

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    get_default_application()  # whose first import sets logging up, so before `caplog` is in place
    monkeypatch.setattr(interfaces, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def following(ada: User) -> Link:
    """Ada's chat, in a room."""
    linking.link(linking.new_code(ada), CHAT, "@ada_l")
    room = actions.create_room(ada, name="Tea Room")
    link = Link.objects.get()
    conversation._room(link, room.slug)
    return link


class Applied:
    """An application that notes what it gets, and handles it when it may."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.events: list[dict[str, Any]] = []  # Any: see Message
        self.gate = asyncio.Event()
        self.fails = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        while True:
            self.events.append(await receive())
            await self.gate.wait()
            if self.fails:
                raise ValueError("a fault of ours")


class ChattyBotConsumer(SyncConsumer):
    """That of Channels' introduction."""

    def chat_received_message(self, event: dict[str, Any]) -> None:
        self.send({"type": "chat.send_message", "text": f"You said: {event['text']}"})


@asynccontextmanager
async def running(tmp_path: Path, application: Application | None = None) -> AsyncIterator[None]:
    application = application or get_default_application()
    work = asyncio.create_task(TelegramServer(application).serve(tmp_path / "alive"))
    yield
    work.cancel()
    await asyncio.wait([work])


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not await in_database(condition):
            await asyncio.sleep(0.01)


async def sent(api: BotApi, chat_id: int, count: int) -> list[str]:
    """What a chat shows, as soon as it shows so much."""
    await until(lambda: run_due() >= 0 and len(api.texts(chat_id)) >= count)
    return api.texts(chat_id)


def bodies() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("body", flat=True))


async def test_a_stock_consumer_answers(api: BotApi, tmp_path: Path) -> None:
    api.say(5, "hello")
    async with running(tmp_path, ChattyBotConsumer.as_asgi()):
        assert await sent(api, 5, 1) == ["You said: hello"]
    assert (tmp_path / "alive").exists()


async def test_nobody_waits_for_a_layer_that_is_away(
    api: BotApi, following: Link, tmp_path: Path, settings: Settings
) -> None:
    layer = {"BACKEND": "realtime.layers.pubsub.PubSubChannelLayer"}
    settings.CHANNEL_LAYERS = {"default": {**layer, "CONFIG": {"hosts": ["redis://127.0.0.1:1"]}}}
    api.say(CHAT, "hello")
    async with running(tmp_path):
        await until(lambda: bodies() == ["hello"])


async def test_the_scope_is_a_conversation_and_the_event_a_message(
    api: BotApi, tmp_path: Path
) -> None:
    application = Applied()
    application.gate.set()
    first = api.say(5, "one")
    api.say(5, photo=[], reply_to_message=first)
    api.edit(first, "two")
    async with running(tmp_path, application):
        await until(lambda: len(application.events) == 3)
    assert application.scopes == [
        {
            "type": "telegram",
            "chat_id": 5,
            "chat_type": "private",
            "user_id": 5,
            "username": "a_name",
            "name": "@a_name",
        }
    ]
    common = {"type": "chat.received_message", "edited": False, "reply_to": None}
    assert application.events == [
        {**common, "message_id": 1, "text": "one"},
        {**common, "message_id": 3, "text": None, "reply_to": 1},
        {**common, "message_id": 1, "text": "two", "edited": True},
    ]


async def test_it_is_acknowledged_when_it_is_handled(api: BotApi, tmp_path: Path) -> None:
    application = Applied()
    api.say(5, "hello")
    async with running(tmp_path, application):
        await until(lambda: application.events)
        await asyncio.sleep(0.05)
        assert api.confirmed == 0
        application.gate.set()
        await until(lambda: api.confirmed == 3)
    assert api.updates == []


async def test_what_always_fails_is_left_out_at_last_and_said(
    api: BotApi, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    application = Applied()
    application.gate.set()
    application.fails = True
    api.say(5, "hello")
    async with running(tmp_path, application):
        assert await sent(api, 5, 1) == [
            "Something went wrong here, so this was not posted. Try again later."
        ]
        await until(lambda: api.confirmed == 3)
    assert len(application.events) == 3
    assert [each.message for each in caplog.records if each.levelno == logging.ERROR] == [
        "A message from Telegram cannot be handled."
    ]


async def test_nothing_is_acknowledged_while_the_database_is_away(
    api: BotApi,
    following: Link,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    receive, failures = conversation.receive, [OperationalError("no route")] * 5

    def away(*arguments: Any) -> str:
        if failures:
            raise failures.pop()
        return receive(*arguments)

    monkeypatch.setattr(conversation, "receive", away)
    api.say(CHAT, "hello")
    async with running(tmp_path):
        await until(lambda: bodies() == ["hello"])
        await until(lambda: not api.updates)
    (line,) = [each for each in caplog.records if "no route" in each.getMessage()]
    assert line.exc_info is None


async def test_the_same_update_twice_is_one_message(
    api: BotApi, following: Link, tmp_path: Path
) -> None:
    api.say(CHAT, "hello")
    twice = list(api.updates)
    async with running(tmp_path):
        await until(lambda: not api.updates)
        api.updates = twice
        api.say(CHAT, "and bye")
        await until(lambda: not api.updates)
    assert await in_database(bodies) == ["hello", "and bye"]


@pytest.mark.parametrize("faults", [[500], [502], ["drop"], ["lose"], [429], [409], [400]])
async def test_a_poll_that_fails_is_made_again(
    api: BotApi, following: Link, tmp_path: Path, faults: list[Fault]
) -> None:
    api.retry_after = 0.05
    api.faults["getUpdates"] = [None, *faults]
    api.say(CHAT, "one")
    async with running(tmp_path):
        await until(lambda: bodies() == ["one"])
        api.say(CHAT, "two")
        await until(lambda: bodies() == ["one", "two"])
        await until(lambda: not api.updates)
    assert api.faults["getUpdates"] == []


async def test_a_second_poller_is_named_in_one_line(
    api: BotApi, following: Link, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    api.faults["getUpdates"] = [409] * 5
    async with running(tmp_path):
        api.say(CHAT, "hello")
        await until(lambda: bodies() == ["hello"])
    (line,) = [each for each in caplog.records if "waits" in each.getMessage()]
    assert line.getMessage().startswith(
        "telegram waits, and tries again: another program polls for this bot; stop one of them"
    )
    assert line.exc_info is None


def test_a_wrong_token_ends_the_command(api: BotApi) -> None:
    api.token = "another"
    with pytest.raises(SystemExit, match="Telegram does not know TELEGRAM_TOKEN"):
        call_command("runtelegram")


async def test_the_bot_is_known_by_its_name(api: BotApi, tmp_path: Path) -> None:
    async with running(tmp_path):
        await until(Bot.objects.exists)
    assert str(await in_database(linking.bot)) == "@parlour_bot"


async def test_a_group_is_told_once_that_it_is_not_served(api: BotApi, tmp_path: Path) -> None:
    for text in ("hello", "/start code", "bye"):
        api.say(-5, text)
    async with running(tmp_path):
        await until(lambda: not api.updates)
        assert await sent(api, -5, 1) == [
            "I speak with one person at a time: write to me in a private chat."
        ]


async def test_codes_cannot_be_tried_out(api: BotApi, ada: User, tmp_path: Path) -> None:
    code = await in_database(linking.new_code, ada)
    for guess in "abcde":
        api.say(5, f"/start {guess}")
    api.say(5, f"/start {code}")
    api.say(CHAT, f"/start {code}")
    async with running(tmp_path):
        await until(lambda: not api.updates)
        answers = await sent(api, 5, 6)
    assert sorted(answers) == sorted(
        [*[conversation.WRONG_CODE] * 5, "Too many wrong codes. Try again in some minutes."]
    )
    assert (await in_database(Link.objects.get)).chat_id == CHAT


async def test_what_is_written_is_paid_for(
    api: BotApi, following: Link, tmp_path: Path, settings: Settings
) -> None:
    settings.BUDGETS = {"messages": [2, 3600]}
    for text in "abc":
        api.say(CHAT, text)
    async with running(tmp_path):
        (answer,) = await sent(api, CHAT, 1)
    assert answer.startswith("You wrote very much, or mentioned many people, in a short time.")
    assert await in_database(bodies) == ["a", "b"]


async def test_a_consumer_sends_messages_alone(api: BotApi) -> None:
    with pytest.raises(ValueError, match="A chat takes"):
        await TelegramServer(Applied()).send({"chat_id": 5}, {"type": "chat.dance"})
