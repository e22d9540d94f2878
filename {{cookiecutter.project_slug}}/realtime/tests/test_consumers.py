"""Joining, commands, events, leaving."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from channels.routing import URLRouter
from django.core.exceptions import ImproperlyConfigured
from django.urls import path

from accounts.models import User
from realtime.admission.middleware import AdmissionMiddleware
from realtime.consumers import command
from realtime.delivery.publishing import dismiss, publish
from realtime.protocol import CloseCode, ErrorCode, Refusal, encode_refusal
from realtime.testing import connect
from realtime.tests.echo import EchoConsumer, Nothing, Say, connect_echo

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_command_is_answered_and_its_event_reaches_everyone(ada: User, bob: User) -> None:
    async with connect_echo("/ws/echo/a/", ada) as one, connect_echo("/ws/echo/a/", bob) as two:
        await two.expect("welcome")
        reply = await one.send("say", {"text": "hello"})
        assert reply == {"topic": "echo:a", "type": "ok", "data": {"text": "hello"}, "id": "1"}
        for client in (one, two):
            event = await client.expect("said")
            assert event == {"topic": "echo:a", "type": "said", "data": {"text": "hello"}}


class Greets:
    """Adds a command to a consumer."""

    @command("greet")
    def greet(self, data: Nothing) -> str:
        raise NotImplementedError


class LoudConsumer(EchoConsumer):
    @command("say")
    async def shout(self, data: Say) -> dict[str, str]:
        return {"text": data.text.upper()}


class WhisperConsumer(LoudConsumer):
    @command("say")
    async def say(self, data: Say) -> dict[str, str]:
        return {"text": data.text.lower()}


class MuteConsumer(EchoConsumer):
    say = None  # type: ignore[assignment]


class PoliteConsumer(Greets, EchoConsumer):
    async def say(self, data: Say) -> dict[str, str]:
        return await super().say(Say(f"{data.text}, please"))

    def greet(self, data: Nothing) -> str:
        return "Good day."


async def test_commands_come_from_mixins_and_are_overridden_as_methods(ada: User) -> None:
    routes = URLRouter([path("ws/echo/<slug:slug>/", PoliteConsumer.as_asgi())])
    async with connect("/ws/echo/a/", ada, application=AdmissionMiddleware(routes)) as client:
        assert (await client.send("say", {"text": "tea"}))["data"] == {"text": "tea, please"}
        assert (await client.send("greet"))["data"] == "Good day."


@pytest.mark.parametrize(
    ("consumer", "answer"),
    [
        (LoudConsumer, ("TEA", None)),
        (WhisperConsumer, ("tea", None)),
        (MuteConsumer, (None, "unknown_type")),
    ],
)
async def test_the_last_class_to_declare_a_command_has_it(
    ada: User, consumer: type[EchoConsumer], answer: tuple[str | None, str | None]
) -> None:
    routes = URLRouter([path("ws/echo/<slug:slug>/", consumer.as_asgi())])
    async with connect("/ws/echo/a/", ada, application=AdmissionMiddleware(routes)) as client:
        reply = await client.send("say", {"text": "Tea"})
        assert (reply["data"].get("text"), reply["data"].get("code")) == answer


def test_a_command_without_a_type_says_what_to_write() -> None:
    with pytest.raises(TypeError, match=r"Untyped\.say takes the data of a frame: annotate"):

        class Untyped(EchoConsumer):
            @command("say")
            async def say(self, data) -> None:  # type: ignore[no-untyped-def,override]
                pass


async def test_what_is_published_while_joining_comes_after_the_welcome(ada: User) -> None:
    async with connect_echo("/ws/echo/busy/", ada) as client:
        assert [(await client.receive())["type"] for _ in range(2)] == ["welcome", "early"]


async def test_events_arrive_in_the_order_of_publishing(ada: User) -> None:
    async with connect_echo("/ws/echo/a/", ada) as client:
        await client.expect("welcome")
        for number in range(200):
            publish("echo:a", "tick", {"number": number})
        seen = [(await client.expect("tick"))["data"]["number"] for _ in range(200)]
    assert seen == list(range(200))


async def test_a_plain_method_uses_the_orm_and_sends_before_its_answer(ada: User) -> None:
    async with connect_echo("/ws/echo/a/", ada) as client:
        await client.expect("welcome")
        reply = await client.send("ask")
        assert (reply["type"], reply["data"]) == ("ok", {"name": "ada"})
        assert [frame["type"] for frame in client.skipped] == ["asking"]


async def test_four_plain_methods_run_at_a_time(ada: User) -> None:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(connect_echo("/ws/echo/a/", ada)) for _ in range(4)
        ]
        replies = await asyncio.gather(*(client.send("meet") for client in clients))
        assert [reply["type"] for reply in replies] == ["ok"] * 4


async def test_commands_that_run_together_are_answered_in_order_and_others_wait(ada: User) -> None:
    EchoConsumer.said.clear()
    EchoConsumer.may_leave = asyncio.Event()
    said = ["first", *("" if n % 3 == 0 else f"{n}" for n in range(38)), "last"]
    async with connect_echo("/ws/echo/a/", ada) as client:
        await client.expect("welcome")
        for text in said:
            await client.send_unheard("gather", {"text": text})
        await client.send_unheard("say", {"text": "after"})
        while len(EchoConsumer.said) < 32:
            await asyncio.sleep(0.01)
        assert await client.communicator.receive_nothing()
        assert EchoConsumer.said == said[:32]
        EchoConsumer.may_leave.set()
        answers: list[dict[str, Any]] = []  # Any: JSON
        while len(answers) < 41:
            if "id" in (frame := await client.receive()):
                answers.append(frame)
    assert [int(each["id"]) for each in answers] == list(range(1, 42))
    assert [each["data"].get("text", "") for each in answers] == [*said, "after"]
    assert EchoConsumer.said == [*said, "after"]


@pytest.mark.parametrize(("path", "topic"), [("/ws/echo/a/", None), ("/ws/", "echo:a")])
async def test_a_command_that_runs_alone_keeps_its_turn(
    ada: User, path: str, topic: str | None
) -> None:
    EchoConsumer.may_leave, EchoConsumer.said[:] = asyncio.Event(), []
    async with connect_echo(path, ada) as client:
        if topic is not None:
            await client.send("join", {}, topic)
        await client.expect("welcome")
        sent = [("gather", "first"), ("gather", "second"), ("say", "alone"), ("gather", "third")]
        asked = [await client.send_unheard(kind, {"text": said}, topic) for kind, said in sent]
        assert await client.communicator.receive_nothing()
        assert EchoConsumer.said == ["first", "second"]
        EchoConsumer.may_leave.set()
        assert [(await client.expect("ok"))["id"] for _ in asked] == asked
    assert EchoConsumer.said == ["first", "second", "alone", "third"]


async def test_commands_that_run_together_end_before_the_consumer_leaves(ada: User) -> None:
    EchoConsumer.left.clear()
    EchoConsumer.may_leave, EchoConsumer.said[:] = asyncio.Event(), []
    async with connect_echo("/ws/echo/a/", ada) as client:
        await client.send_unheard("gather", {"text": "first"})
        while not EchoConsumer.said:
            await asyncio.sleep(0.01)
        await client.communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await asyncio.sleep(0.05)
        assert EchoConsumer.left == []
        EchoConsumer.may_leave.set()
    assert EchoConsumer.left == ["echo:a"]


@pytest.mark.parametrize("error", ["StopIteration", "SystemExit"])
async def test_what_no_future_takes_is_a_failure_like_any_other(ada: User, error: str) -> None:
    async with connect_echo("/ws/echo/a/", ada) as client:
        await client.expect("welcome")
        failed = await client.send("say_no_more", {"text": error})
        assert (failed["type"], failed["data"]["code"]) == ("error", "internal")
        assert (await client.send("say", {"text": "a"}))["type"] == "ok"


async def test_a_plain_method_closes_its_socket(ada: User) -> None:
    async with connect_echo("/ws/echo/a/", ada) as client:
        await client.send_unheard("end")
        assert await client.closed() == 4403


async def test_a_failure_in_leave_is_logged_and_escapes_nowhere(
    ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect_echo("/ws/echo/stuck/", ada) as client:
        await client.expect("welcome")
    assert "Leaving /ws/echo/stuck/ failed" in caplog.text


def test_a_refusal_in_what_is_no_unicode_can_be_sent() -> None:
    refusal = Refusal(ErrorCode.INVALID, "caf\udce9 is a directory")
    assert '"detail":"caf? is a directory"' in encode_refusal("echo:a", "1", refusal)


async def test_a_consumer_outside_admission_says_where_it_belongs() -> None:
    with pytest.raises(ImproperlyConfigured, match="stands outside AdmissionMiddleware"):
        await EchoConsumer.as_asgi()({"path": "/ws/echo/a/"}, None, None)


async def test_leaving_runs_once_however_the_consumer_ends(ada: User) -> None:
    EchoConsumer.left.clear()
    async with connect_echo("/ws/echo/a/", ada) as client:
        await client.expect("welcome")
    async with connect_echo("/ws/echo/broken/", ada) as client:
        await client.closed()
    assert EchoConsumer.left == ["echo:a", "echo:broken"]


async def test_a_dismissed_person_is_closed_and_others_stay(ada: User, bob: User) -> None:
    async with connect_echo("/ws/echo/a/", ada) as one, connect_echo("/ws/echo/a/", bob) as two:
        await one.expect("welcome")
        await two.expect("welcome")
        dismiss("echo:a", bob.pk, CloseCode.FORBIDDEN, "Removed.")
        assert await two.closed() == 4403
        assert (await one.send("say", {"text": "a"}))["type"] == "ok"
