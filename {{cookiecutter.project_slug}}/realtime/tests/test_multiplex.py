"""One socket, many topics."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest
from pytest_django import Settings

from accounts.models import User
from realtime.delivery.engine import running_engine, stop_engine, this_engine
from realtime.delivery.publishing import dismiss, publish, sign_out
from realtime.protocol import CloseCode
from realtime.tests.echo import EchoConsumer, connect_echo
from realtime.tests.wires import until
from realtime.transports import multiplex

pytestmark = pytest.mark.django_db(transaction=True)


def dismissed(user_id: int) -> None:
    dismiss("echo:a", user_id, CloseCode.FORBIDDEN, "Removed.")


async def test_each_joined_topic_is_answered_by_its_own_consumer(ada: User) -> None:
    async with connect_echo("/ws/", ada) as client:
        for topic in ("echo:a", "echo:b"):
            assert (await client.send("join", {"since": 4}, topic))["type"] == "ok"
            welcome = await client.expect("welcome")
            assert (welcome["topic"], welcome["data"]["query"]) == (topic, {"since": "4"})
        reply = await client.send("say", {"text": "hi"}, "echo:b")
        assert (reply["type"], reply["topic"]) == ("ok", "echo:b")
        assert (await client.expect("said"))["topic"] == "echo:b"


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ("echo:closed", "forbidden"),
        ("echo:refused", "not_found"),
        ("echo:broken", "internal"),
        ("nowhere", "not_found"),
        ("", "not_found"),
        ("echo:../a", "not_found"),
        ("echo", "not_found"),
        ("echo/b", "not_found"),
        ("echo%3Ab", "not_found"),
        ("echo:%62", "not_found"),
        ("Echo:b", "not_found"),
        ("echo:b:", "not_found"),
        ("echo:b/", "not_found"),
        (":echo:b", "not_found"),
        (" echo:b", "not_found"),
        ("echo:b\n", "not_found"),
        ("echo:b?", "not_found"),
    ],
)
async def test_a_refused_join_leaves_the_other_topics_untouched(
    ada: User, topic: str, code: str
) -> None:
    async with connect_echo("/ws/", ada) as client:
        await client.send("join", {}, "echo:a")
        assert (await client.send("join", {}, topic))["data"]["code"] == code
        assert (await client.send("say", {"text": "a"}, "echo:a"))["type"] == "ok"


async def test_a_frame_for_a_topic_not_joined_is_refused(ada: User) -> None:
    async with connect_echo("/ws/", ada) as client:
        assert (await client.send("say", {"text": "a"}, "echo:a"))["data"]["code"] == "not_found"
        assert (await client.send("say", {"text": "a"}))["data"]["code"] == "invalid"
        assert (await client.send("join", {"since": [1]}, "echo:a"))["data"]["code"] == "invalid"


async def test_a_topic_that_was_left_is_heard_no_longer(ada: User) -> None:
    EchoConsumer.left.clear()
    async with connect_echo("/ws/", ada) as client:
        await client.send("join", {}, "echo:a")
        await client.send("join", {}, "echo:b")
        assert (await client.send("leave", {}, "echo:a"))["type"] == "ok"
        assert EchoConsumer.left == ["echo:a"]
        publish("echo:a", "unheard", {})
        publish("echo:b", "heard", {})
        await client.expect("heard")
        assert all(frame["type"] != "unheard" for frame in client.skipped)


async def test_joining_again_begins_anew(ada: User) -> None:
    async with connect_echo("/ws/", ada) as client:
        for since in (1, 2):
            assert (await client.send("join", {"since": since}, "echo:a"))["type"] == "ok"
            assert (await client.expect("welcome"))["data"]["query"] == {"since": str(since)}
        publish("echo:a", "once", {})
        publish("echo:a", "last", {})
        await client.expect("last")
        assert [frame["type"] for frame in client.skipped].count("once") == 1


async def test_a_failure_in_one_topic_s_leave_keeps_the_others(ada: User) -> None:
    async with connect_echo("/ws/", ada) as client:
        await client.send("join", {}, "echo:a")
        await client.send("join", {}, "echo:stuck")
        assert (await client.send("leave", {}, "echo:stuck"))["type"] == "ok"
        assert (await client.send("say", {"text": "a"}, "echo:a"))["type"] == "ok"


@pytest.mark.parametrize(
    ("topic", "spellings"),
    [
        ("echo:a", ["echo/a"]),
        ("numbered:7", ["numbered:007", "numbered:07", "numbered:7:", "numbered/7"]),
        ("path:a/b", ["path:a:b", "path/a/b", "path/a:b"]),
    ],
)
async def test_a_topic_is_joined_by_one_spelling_alone(
    ada: User, topic: str, spellings: list[str]
) -> None:
    async with connect_echo("/ws/", ada) as client:
        for spelling in spellings:
            answer = await client.send("join", {}, spelling)
            assert (answer["type"], answer["data"]["code"]) == ("error", "not_found")
        assert not list(this_engine().hub.groups)
        assert (await client.send("join", {}, topic))["type"] == "ok"
        assert list(this_engine().hub.groups) == [topic]


@pytest.mark.parametrize(
    ("frames", "answers"),
    [
        (["join a", "leave a"], ["ok", "ok"]),
        (["join a", "say a", "leave a", "say a", "leave a"], ["ok", "ok", "ok", "no", "no"]),
        (["join a", "say a", "join a", "say a"], ["conflict", "no", "ok", "ok"]),
        (["join closed", "say closed", "say closed"], ["forbidden", "no", "no"]),
        (["join closed", "leave closed"], ["forbidden", "ok"]),
        (["join a", "end a", "say a", "say a"], ["ok", "ok", "no", "no"]),
        (["join a", "end a", "leave a"], ["ok", "ok", "ok"]),
    ],
)
async def test_each_of_many_frames_at_once_has_one_answer(
    ada: User, frames: list[str], answers: list[str]
) -> None:
    async with connect_echo("/ws/", ada) as client:
        await client.send("join", {}, "echo:b")
        asked = []
        for frame in frames:
            kind, name = frame.split()
            data = {"text": "a"} if kind == "say" else {}
            asked.append(await client.send_unheard(kind, data, f"echo:{name}"))
        got: dict[str, str] = {}
        while got.keys() != set(asked):
            answer = await client.receive()
            if "id" in answer:
                assert answer["id"] not in got
                code = answer["data"].get("code", "ok")
                got[answer["id"]] = "no" if code == "not_found" else code
        assert [got[each] for each in asked] == answers
        assert (await client.send("say", {"text": "a"}, "echo:b"))["type"] == "ok"


async def test_whoever_is_put_out_while_joining_is_answered_once_and_not_welcomed(
    ada: User,
) -> None:
    EchoConsumer.left.clear()
    async with connect_echo("/ws/", ada) as client:
        join = await client.send_unheard("join", {}, "echo:busy")
        await until(lambda: running_engine() and "echo:busy" in this_engine().hub._groups)
        await until(this_engine().hub._groups["echo:busy"].joined.is_set)
        dismiss("echo:busy", ada.pk, CloseCode.FORBIDDEN, "Removed.")
        error = await client.expect("error")
        assert (error["id"], error["data"]["code"]) == (join, "forbidden")
        await client.send("join", {}, "echo:a")
        await until(lambda: EchoConsumer.left == ["echo:busy"])
        await client.send("say", {"text": "a"}, "echo:a")
        assert [frame for frame in client.skipped if frame["topic"] == "echo:busy"] == []
        assert this_engine().hub.subscribers("echo:busy") == []


async def test_a_frame_after_a_leave_is_answered(ada: User) -> None:
    EchoConsumer.may_leave = asyncio.Event()
    async with connect_echo("/ws/", ada) as client:
        await client.send("join", {}, "echo:slow")
        left = await client.send_unheard("leave", {}, "echo:slow")
        for late in ("say", "leave"):
            answer = await client.send(late, {}, "echo:slow")
            assert (answer["type"], answer["data"]["code"]) == ("error", "not_found")
        joined = await client.send_unheard("join", {}, "echo:slow")
        EchoConsumer.may_leave.set()
        assert [(await client.expect("ok"))["id"] for _ in range(2)] == [left, joined]


async def test_a_join_that_another_overtakes_is_answered(ada: User) -> None:
    async with connect_echo("/ws/", ada) as client:
        one = await client.send_unheard("join", {}, "echo:busy")
        await until(lambda: running_engine() and this_engine().hub.subscribers("echo:busy"))
        two = await client.send_unheard("join", {}, "echo:busy")
        error = await client.expect("error")
        assert (error["id"], error["data"]["code"]) == (one, "conflict")
        assert (await client.expect("ok"))["id"] == two


@pytest.mark.parametrize("end", [sign_out, dismissed])
async def test_what_waits_when_somebody_is_put_out_is_not_done(
    ada: User, end: Callable[[int], None]
) -> None:
    EchoConsumer.may_leave, EchoConsumer.held = asyncio.Event(), asyncio.Event()
    EchoConsumer.said.clear()
    async with connect_echo("/ws/", ada) as client:
        await client.send("join", {}, "echo:a")
        await client.send_unheard("hold", {}, "echo:a")
        await EchoConsumer.held.wait()
        for _ in range(3):
            await client.send_unheard("say", {"text": "too late"}, "echo:a")
        await client.send("join", {}, "echo:b")  # and so all of them were taken
        end(ada.pk)
        engine = this_engine()
        (connection,) = engine.connections
        await until(lambda: connection.socket.closing or not engine.hub.subscribers("echo:a"))
        EchoConsumer.may_leave.set()
    assert EchoConsumer.said == []


async def test_what_leaves_as_the_socket_closes_leaves_whole(ada: User) -> None:
    EchoConsumer.may_leave = asyncio.Event()
    EchoConsumer.left.clear()
    EchoConsumer.left_whole.clear()
    async with connect_echo("/ws/", ada) as client:
        await client.send("join", {}, "echo:slow")
        await client.send_unheard("leave", {}, "echo:slow")
        await until(lambda: EchoConsumer.left)
        await client.communicator.send_input({"type": "websocket.disconnect", "code": 1005})
        for _ in range(10):
            await asyncio.sleep(0)
        EchoConsumer.may_leave.set()
    assert EchoConsumer.left_whole == ["echo:slow"]


@pytest.mark.parametrize("again", [False, True])
async def test_what_leaves_as_the_socket_is_cancelled_leaves_whole(ada: User, again: bool) -> None:
    EchoConsumer.may_leave = asyncio.Event()
    EchoConsumer.left.clear()
    EchoConsumer.left_whole.clear()
    with suppress(asyncio.CancelledError):
        async with connect_echo("/ws/", ada) as client:
            await client.send("join", {}, "echo:slow")
            if again:
                await client.send_unheard("join", {}, "echo:slow")
                await until(lambda: EchoConsumer.left)
            running = client.communicator.future
            running.cancel()
            for _ in range(10):
                await asyncio.sleep(0)
            assert not running.done()
            EchoConsumer.may_leave.set()
            await running
    assert EchoConsumer.left_whole == ["echo:slow"]
    await stop_engine()


async def test_what_hangs_as_it_leaves_is_cut_off(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiplex, "LEAVE_SECONDS", 0.05)
    EchoConsumer.may_leave = asyncio.Event()
    EchoConsumer.left.clear()
    EchoConsumer.left_whole.clear()
    with suppress(asyncio.CancelledError, TimeoutError):
        async with connect_echo("/ws/", ada) as client:
            await client.send("join", {}, "echo:slow")
            running = client.communicator.future
            running.cancel()
            await asyncio.wait([running], timeout=5)
            assert running.done()
    assert (EchoConsumer.left, EchoConsumer.left_whole) == (["echo:slow"], [])
    await stop_engine()


async def test_a_dismissal_ends_one_topic_and_keeps_the_socket(ada: User) -> None:
    async with connect_echo("/ws/", ada) as client:
        await client.send("join", {}, "echo:a")
        await client.send("join", {}, "echo:b")
        dismiss("echo:a", ada.pk, CloseCode.FORBIDDEN, "Removed.")
        left = await client.expect("left")
        assert (left["topic"], left["data"]["code"]) == ("echo:a", 4403)
        assert (await client.send("say", {"text": "a"}, "echo:b"))["type"] == "ok"
        assert (await client.send("say", {"text": "a"}, "echo:a"))["data"]["code"] == "not_found"


async def test_a_topic_that_waits_for_a_command_has_no_task(ada: User) -> None:
    async with connect_echo("/ws/", ada) as client:
        await client.send("join", {}, "echo:a")
        await client.send("say", {"text": "a"}, "echo:a")
        before = len(asyncio.all_tasks())
        for topic in ("echo:b", "echo:c"):
            await client.send("join", {}, topic)
            await client.send("say", {"text": "a"}, topic)
        assert len(asyncio.all_tasks()) == before


async def test_a_topic_holds_64_frames_that_are_not_answered(ada: User) -> None:
    EchoConsumer.may_leave, EchoConsumer.held = asyncio.Event(), asyncio.Event()
    async with connect_echo("/ws/", ada) as client:
        await client.send("join", {}, "echo:a")
        await client.expect("welcome")
        asked = [await client.send_unheard("hold", {}, "echo:a")]
        for _ in range(63):
            asked.append(await client.send_unheard("say", {"text": "a"}, "echo:a"))
        refused = await client.send("say", {"text": "a"}, "echo:a")
        assert (refused["type"], refused["data"]["code"]) == ("error", "rate_limited")
        EchoConsumer.may_leave.set()
        assert [(await client.expect("ok"))["id"] for _ in asked] == asked


async def test_one_topic_more_than_a_socket_may_join_is_refused(
    ada: User, settings: Settings
) -> None:
    settings.REALTIME = {"TOPICS_PER_SOCKET": 1}
    async with connect_echo("/ws/", ada) as client:
        assert (await client.send("join", {}, "echo:a"))["type"] == "ok"
        assert (await client.send("join", {}, "echo:b"))["data"]["code"] == "too_large"
