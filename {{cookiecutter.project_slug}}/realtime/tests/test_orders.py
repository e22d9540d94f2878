"""Frames, closes and cancellations in any order leave nothing behind."""

import asyncio
import json

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import User
from realtime.asgi import Message
from realtime.database import in_database
from realtime.delivery import connection
from realtime.delivery.engine import stop_engine, this_engine
from realtime.delivery.publishing import sign_out
from realtime.testing import session_key_of
from realtime.tests.echo import EchoConsumer, application
from realtime.tests.wires import until

pytestmark = pytest.mark.django_db(transaction=True)

TURNS = {"turn": 1, "some turns": 10, "many turns": 200}
FRAMES = [
    (kind, topic)
    for kind in ("join", "leave", "say")
    for topic in ("echo:a", "echo:b", "echo:slow", "echo:stuck", "echo:closed", "stock:raw")
]
ENDS = ["disconnect", "sign out", "drain", "cancel"]

Step = tuple[str, str] | str


class Server:
    """The server's side of one WebSocket to `/ws/`."""

    def __init__(self, session: str) -> None:
        self.sent: list[Message] = []
        self.to_application: asyncio.Queue[Message] = asyncio.Queue()
        self.to_application.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "path": "/ws/",
            "subprotocols": ["realtime.v1"],
            "headers": [
                (b"host", b"testserver"),
                (b"origin", b"http://testserver"),
                (b"cookie", f"sessionid={session}".encode()),
            ],
        }
        self.running = asyncio.create_task(application(scope, self.to_application.get, self.send))

    async def send(self, message: Message) -> None:
        await asyncio.sleep(0)
        self.sent.append(message)

    async def take(self, step: Step, user_id: int) -> None:
        match step:
            case (kind, topic):
                data = {"text": "a"} if kind == "say" else {}
                frame = json.dumps({"id": "1", "type": kind, "topic": topic, "data": data})
                self.to_application.put_nowait({"type": "websocket.receive", "text": frame})
            case "disconnect":
                self.to_application.put_nowait({"type": "websocket.disconnect", "code": 1005})
            case "sign out":
                sign_out(user_id)
            case "drain":
                await this_engine().drain()
                this_engine().draining = False
            case "cancel":
                self.running.cancel()
            case str():
                for _ in range(TURNS[step]):
                    await asyncio.sleep(0)


async def live(session: str, user_id: int, steps: list[Step], end: str, late: list[Step]) -> None:
    engine = this_engine()
    await engine.hub.answering.wait()
    tasks = asyncio.all_tasks()
    EchoConsumer.may_leave = asyncio.Event()
    EchoConsumer.may_leave.set()
    EchoConsumer.joined, EchoConsumer.left[:] = 0, []
    server = Server(session)
    for step in [*steps, end, *late]:
        await server.take(step, user_id)
    server.to_application.put_nowait({"type": "websocket.disconnect", "code": 1005})
    async with asyncio.timeout(20):
        await asyncio.wait([server.running])
        while asyncio.all_tasks() - tasks:
            await asyncio.sleep(0.001)
    assert (engine.connections, engine.people) == (set(), {})
    assert list(engine.hub.groups) == []
    assert len(EchoConsumer.left) == EchoConsumer.joined


step = st.sampled_from([*FRAMES, *TURNS])


def test_no_order_leaves_a_task_a_person_or_a_subscription_behind(
    ada: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REALTIME = {"DRAIN_SECONDS": 0}
    monkeypatch.setattr(connection, "LEAVE_SECONDS", 1_000)  # nothing has to be cancelled
    session = session_key_of(ada)

    with asyncio.Runner() as runner:

        @hypothesis_settings(max_examples=100, deadline=None)
        @given(
            steps=st.lists(step, max_size=12),
            end=st.sampled_from(ENDS),
            late=st.lists(step, max_size=4),
        )
        @example(
            steps=["many turns", ("join", "echo:a"), "many turns", ("join", "echo:a")],
            end="disconnect",
            late=[],
        )
        def check(steps: list[Step], end: str, late: list[Step]) -> None:
            runner.run(live(session, ada.pk, steps, end, late))

        check()
        runner.run(stop_engine())


async def test_a_server_that_cancels_its_applications_closes_with_1001(ada: User) -> None:
    server, engine = Server(await in_database(session_key_of, ada)), this_engine()
    await until(lambda: engine.connections)
    server.running.cancel()
    await asyncio.wait([server.running])
    assert [message["type"] for message in server.sent] == ["websocket.accept", "websocket.close"]
    assert server.sent[-1]["code"] == 1001
    await stop_engine()
