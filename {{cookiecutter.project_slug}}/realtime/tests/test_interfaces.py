import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.consumer import AsyncConsumer, SyncConsumer
from channels.exceptions import StopConsumer
from channels.layers import get_channel_layer

from realtime import interfaces
from realtime.asgi import Application, Message, Receive, Scope, Send
from realtime.interfaces import Away, InterfaceServer

pytestmark = pytest.mark.django_db(transaction=True)  # Channels looks after connections

ADA: Scope = {"type": "radio", "from": "ada"}
BOB: Scope = {"type": "radio", "from": "bob"}
EVENT: Message = {"type": "radio.message", "text": "hello"}


class Radio(InterfaceServer):
    protocol = "radio"

    def __init__(self, application: Application) -> None:
        super().__init__(application)
        self.sent: list[tuple[str, Message]] = []
        self.acknowledged: list[str] = []

    async def run(self) -> None:
        self.connected()
        for text in ("one", "two"):
            await self.deliver(ADA, {**EVENT, "text": text})
            self.acknowledged.append(text)

    async def send(self, scope: Scope, message: Message) -> None:
        self.sent.append((scope["from"], message))


class AsyncEcho(AsyncConsumer):
    async def radio_message(self, event: Message) -> None:
        await asyncio.sleep(0)
        await self.send({"type": "radio.send", "text": event["text"]})

    async def radio_later(self, event: Message) -> None:
        await self.send({"type": "radio.send", "text": "from the layer"})


class SyncEcho(SyncConsumer):
    def radio_message(self, event: Message) -> None:
        self.send({"type": "radio.send", "text": event["text"]})


class Gated:
    """An application that handles an event when it is let to."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.gate = asyncio.Event()
        self.started = self.ended = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started += 1
        try:
            while True:
                self.taken.append(await receive())
                await self.gate.wait()
        finally:
            self.ended += 1


@pytest.mark.parametrize("consumer", [AsyncEcho, SyncEcho])
async def test_stock_consumers_have_handled_what_was_delivered(consumer: Any) -> None:
    server = Radio(consumer.as_asgi())
    for text in ("one", "two"):
        await server.deliver(ADA, {**EVENT, "text": text})
    assert server.sent == [
        ("ada", {"type": "radio.send", "text": "one"}),
        ("ada", {"type": "radio.send", "text": "two"}),
    ]


async def test_a_message_of_the_layer_does_not_count_as_the_event() -> None:
    begun, gate = asyncio.Event(), asyncio.Event()
    names: list[str] = []

    class Both(AsyncEcho):
        async def radio_message(self, event: Message) -> None:
            if not names:
                names.append(self.channel_name)
                return
            begun.set()
            await gate.wait()

    server = Radio(Both.as_asgi())
    await server.deliver(ADA, EVENT)
    await get_channel_layer().send(names[0], {"type": "radio.later"})
    await until(lambda: len(server.sent) == 1)
    handled = asyncio.create_task(server.deliver(ADA, EVENT))
    await begun.wait()
    await get_channel_layer().send(names[0], {"type": "radio.later"})
    await turns()
    assert not handled.done()
    gate.set()
    await handled
    await until(lambda: len(server.sent) == 2)


async def test_it_is_handled_when_the_application_asks_for_the_next() -> None:
    application = Gated()
    server = Radio(application)
    first = asyncio.create_task(server.deliver(ADA, EVENT))
    second = asyncio.create_task(server.deliver(ADA, {**EVENT, "text": "two"}))
    await until(lambda: bool(application.taken))
    await turns()
    assert (first.done(), second.done(), len(application.taken)) == (False, False, 1)
    application.gate.set()
    await asyncio.gather(first, second)
    assert [each["text"] for each in application.taken] == ["hello", "two"]


async def test_what_the_application_raises_is_raised_and_the_next_event_finds_a_new_one() -> None:
    class Failing(AsyncConsumer):
        async def radio_message(self, event: Message) -> None:
            raise LookupError("no such room")

    server = Radio(Failing.as_asgi())
    for _ in range(2):
        with pytest.raises(LookupError, match="no such room"):
            await server.deliver(ADA, EVENT)


async def test_an_application_that_returns_has_handled_what_it_took() -> None:
    class Once(AsyncConsumer):
        async def radio_message(self, event: Message) -> None:
            await self.send({"type": "radio.send"})
            raise StopConsumer

    server = Radio(Once.as_asgi())
    await asyncio.gather(*(server.deliver(ADA, EVENT) for _ in range(2)))
    assert len(server.sent) == 2


async def test_an_application_that_takes_nothing_is_an_error() -> None:
    async def deaf(scope: Scope, receive: Receive, send: Send) -> None: ...

    with pytest.raises(RuntimeError, match="without taking"):
        await Radio(deaf).deliver(ADA, EVENT)


async def test_each_conversation_has_an_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "MOST_CONVERSATIONS", 2)
    application = Gated()
    application.gate.set()
    server = Radio(application)
    for scope in (ADA, BOB, ADA):
        await server.deliver(dict(scope), EVENT)
    assert (application.started, application.ended) == (2, 0)
    await server.deliver({**ADA, "from": "eve"}, EVENT)  # the least recently used, Bob's, ends
    await server.deliver(ADA, EVENT)
    assert (application.started, application.ended) == (3, 1)
    application.gate.clear()  # those in the middle of an event do not
    busy = [asyncio.create_task(server.deliver(scope, EVENT)) for scope in (ADA, BOB)]
    await until(lambda: len(application.taken) == 7)
    await server_is_crowded(server, application)
    application.gate.set()
    await asyncio.gather(*busy)


async def server_is_crowded(server: Radio, application: Gated) -> None:
    extra = asyncio.create_task(server.deliver({**ADA, "from": "fay"}, EVENT))
    await until(lambda: len(application.taken) == 8)
    assert application.ended == 2  # Eve's, which was idle, and Bob's first
    application.gate.set()
    await extra


async def test_idle_conversations_end(monkeypatch: pytest.MonkeyPatch) -> None:
    application = Gated()
    application.gate.set()
    server = Radio(application)
    await server.deliver(ADA, EVENT)
    monkeypatch.setattr(interfaces, "IDLE_SECONDS", -1.0)
    await server.deliver(BOB, EVENT)
    await until(lambda: application.ended == 1)


async def test_a_conversation_goes_on_though_nothing_else_holds_it() -> None:
    ended = False

    async def listener(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal ended
        try:
            while True:
                await receive()
        finally:
            ended = True

    await Radio(listener).deliver(ADA, EVENT)
    gc.collect()

    assert not ended


async def test_a_process_that_stops_finishes_the_event(tmp_path: Path) -> None:
    application = Gated()
    server = Radio(application)
    serving = asyncio.create_task(server.serve(tmp_path / "alive"))
    await until(lambda: bool(application.taken))
    serving.cancel()
    await turns()
    assert not serving.done()
    application.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert server.acknowledged == ["one"]
    assert [each["text"] for each in application.taken] == ["one"]


async def test_a_process_that_is_stopped_again_does_not_wait(tmp_path: Path) -> None:
    application = Gated()
    server = Radio(application)
    serving = asyncio.create_task(server.serve(tmp_path / "alive"))
    await until(lambda: bool(application.taken))
    for _ in range(2):
        serving.cancel()
        await turns()
    assert serving.cancelled()
    assert server.acknowledged == []


async def test_who_is_away_is_tried_again_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(interfaces, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(interfaces, "LONGEST_PAUSE_SECONDS", 0.002)
    caplog.set_level("INFO")

    class Flaky(Radio):
        tries = 0

        async def run(self) -> None:
            self.tries += 1
            if self.tries < 4:
                raise (TimeoutError if self.tries > 1 else ConnectionError)("nobody listens")
            self.connected()
            if self.tries == 4:
                raise Away("the password is wrong.")
            await asyncio.Event().wait()

    server = Flaky(Gated())
    async with running(server, tmp_path / "alive"):
        await until(lambda: server.tries == 5)
    assert [record.getMessage() for record in caplog.records] == [
        "radio waits, and tries again: nobody listens",
        "radio is connected.",
        "radio waits, and tries again: the password is wrong.",
        "radio is connected.",
    ]
    assert not any(record.exc_info for record in caplog.records)
    assert (tmp_path / "alive").exists()


async def test_pauses_grow_unless_a_connection_has_lasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    lasted = iter([0.0, 0.0, 0.0, 9.0, 0.0, 0.0])
    now = asyncio.get_running_loop().time()

    class Clock(Radio):
        async def run(self) -> None:
            self._connected_at = now - next(lasted)
            raise OSError("gone")

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            raise asyncio.CancelledError

    monkeypatch.setattr("random.uniform", lambda least, most: most)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    monkeypatch.setattr("asyncio.sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await Clock(Gated()).serve(tmp_path / "alive")
    assert pauses == [1, 2, 4, 1, 2, 4]


def test_a_consumer_may_call_async_code_from_its_thread() -> None:
    class Telling(SyncConsumer):
        def radio_message(self, event: Message) -> None:
            async_to_sync(asyncio.sleep)(0)

    async def deliver() -> None:
        await Radio(Telling.as_asgi()).deliver(ADA, EVENT)

    asyncio.run(deliver())


@asynccontextmanager
async def running(server: InterfaceServer, alive: Path) -> AsyncIterator[None]:
    serving = asyncio.create_task(server.serve(alive))
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def turns() -> None:
    """Let everything that can happen now happen."""
    for _ in range(20):
        await asyncio.sleep(0)
