"""Frames, closes, faults and cancellations in any order leave nothing behind."""

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import User
from realtime.database import in_database
from realtime.delivery.engine import stop_engine, this_engine
from realtime.testing import session_key_of
from realtime.tests.echo import EchoConsumer, application
from realtime.tests.orders import (
    ENDS,
    Faults,
    Server,
    Step,
    Story,
    nothing_is_left,
    steps_of,
)
from realtime.tests.wires import until

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ("join", "leave", "say", "ask", "end", "fail")
TOPICS = ("echo:a", "echo:b", "echo:slow", "echo:stuck", "echo:closed", "echo:broken", "stock:raw")
STOCK = ("async-json", "async-name", "sync-name", "raw", "ends/accepts", "returns")

steps = steps_of(KINDS, TOPICS)
ends = st.sampled_from(ENDS)
late = steps_of(KINDS, TOPICS[:2]).map(lambda steps: steps[:4])


@pytest.mark.parametrize(
    ("paths", "examples", "leave_seconds"),
    [
        (["/ws/"], 100, 1_000),
        (["/ws/echo/a/", "/ws/echo/stuck/", "/ws/echo/broken/"], 50, 1_000),
        ([f"/ws/stock/{name}/" for name in STOCK], 50, 1_000),
        (["/ws/stock/never-ends/", "/ws/stock/pushes/"], 20, 0.01),
    ],
    ids=["shared", "own", "stock", "never ends"],
)
def test_no_order_leaves_a_task_a_person_or_a_subscription_behind(
    ada: User,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    paths: list[str],
    examples: int,
    leave_seconds: float,
) -> None:
    settings.REALTIME = {"DRAIN_SECONDS": 0}
    faults = Faults(monkeypatch, leave_seconds=leave_seconds)
    data: dict[str, dict[str, object]] = {"say": {"text": "a"}}
    story = Story(faults, application, ada.pk, session_key_of(ada), data)

    with nothing_is_left(), asyncio.Runner() as runner:

        async def live(path: str, steps: list[Step], end: str, late: list[Step]) -> None:
            EchoConsumer.may_leave = asyncio.Event()
            EchoConsumer.may_leave.set()
            EchoConsumer.joined, EchoConsumer.left[:] = 0, []
            await story.live(path, steps, end, late)
            assert len(EchoConsumer.left) == EchoConsumer.joined

        @hypothesis_settings(max_examples=examples, deadline=None)
        @given(path=st.sampled_from(paths), steps=steps, end=ends, late=late)
        @example(
            path=paths[0],
            steps=["many turns", ("join", "echo:a"), "many turns", ("join", "echo:a")],
            end="disconnect",
            late=[],
        )
        @example(
            path=paths[0],
            steps=[("join", "echo:a"), ("say", "echo:a"), ("leave", "echo:a"), ("say", "echo:a")],
            end="answers",
            late=[],
        )
        @example(
            path=paths[0],
            steps=[("join", "echo:a"), ("say", "echo:a"), ("join", "echo:a"), ("say", "echo:a")],
            end="answers",
            late=[],
        )
        @example(
            path=paths[0],
            steps=[("join", "echo:closed"), ("say", "echo:closed"), ("leave", "echo:closed")],
            end="answers",
            late=[],
        )
        @example(
            path=paths[0],
            steps=["many turns", ("join", "echo:a"), ("end", "echo:a"), ("say", "echo:a")],
            end="answers",
            late=[],
        )
        @example(
            path=paths[0],
            steps=["no database", *["many turns"] * 10],
            end="answers",
            late=[],
        )
        def check(path: str, steps: list[Step], end: str, late: list[Step]) -> None:
            runner.run(live(path, steps, end, late))

        check()
        runner.run(stop_engine())


async def test_a_server_that_cancels_its_applications_closes_with_1001(ada: User) -> None:
    session = await in_database(session_key_of, ada)
    server, engine = Server(application, "/ws/", session), this_engine()
    await until(lambda: engine.connections)
    server.running.cancel()
    await asyncio.wait([server.running])
    assert [message["type"] for message in server.sent] == ["websocket.accept", "websocket.close"]
    assert server.sent[-1]["code"] == 1001
    await stop_engine()
