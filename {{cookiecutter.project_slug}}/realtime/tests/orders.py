"""Sockets that live through any order of frames, faults and ends, and what they leave behind."""

import asyncio
import gc
import json
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

import pytest
from channels import layers
from django.db import OperationalError
from hypothesis import strategies as st

from realtime import database
from realtime.asgi import Application, Message, Scope
from realtime.consumers import Consumer
from realtime.delivery import connection, hub
from realtime.delivery.connection import Connection
from realtime.delivery.engine import Engine, this_engine
from realtime.delivery.publishing import dismiss, sign_out
from realtime.delivery.socket import Socket
from realtime.protocol import CloseCode
from realtime.transports.session import ClientSession

SECONDS = 20
TURNS = {"turn": 1, "some turns": 10, "many turns": 200}
FAULTS = ["slow database", "no database", "no layer", "all is well"]
MALFORMED = ["{", '{"id": "bad"}', '{"type": "say"}', "\x00", ""]
ENDS = ["answers", "disconnect", "reset", "sign out", "drain", "cancel"]

Step = tuple[str, str] | str


def steps_of(kinds: Collection[str], topics: Collection[str]) -> st.SearchStrategy[list[Step]]:
    """Frames of these kinds on these topics, dismissals from them, pauses and faults."""
    on_topics = [(kind, topic) for kind in (*kinds, "dismiss") for topic in topics]
    malformed = [("malformed", text) for text in MALFORMED]
    every: list[Step] = [*on_topics, *on_topics, *malformed, *TURNS, *TURNS, *FAULTS]
    return st.lists(st.sampled_from(every), max_size=12)


class Faults:
    """A database and a channel layer that may be slow or away.

    Args:
        leave_seconds: when an application is cut off; by default never, since nothing has to be.
    """

    def __init__(self, patch: pytest.MonkeyPatch, *, leave_seconds: float = 1_000) -> None:
        self.now = "all is well"
        self._run = database._run
        patch.setattr(database, "_run", self.run)
        # Hypothesis repeats random numbers, and so the names of the layer's channels.
        patch.setattr(layers, "random", random.SystemRandom())
        patch.setattr(connection, "LEAVE_SECONDS", leave_seconds)
        patch.setattr(hub, "RETRY_SECONDS", 0.01)
        patch.setattr(hub, "SUBSCRIBE_SECONDS", 0.02)
        patch.setattr(hub, "PROBE_SECONDS", 0.05)
        patch.setattr(hub, "REJOIN_SECONDS", 0.001)

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # Any: any
        if self.now == "no database":
            raise OperationalError("the database is away")
        if self.now == "slow database":
            time.sleep(0.005)
        return self._run(function, *args, **kwargs)

    def watch(self, engine: Engine) -> None:
        """Let the engine's layer fail while there is none."""
        if not isinstance(engine.hub._layer, Layer):
            engine.hub._layer = Layer(engine.hub._layer, self)


class Layer:
    """A channel layer that takes nothing while it is away."""

    def __init__(self, layer: Any, faults: Faults) -> None:  # Any: untyped in Channels
        self._layer = layer
        self._faults = faults

    def __getattr__(self, name: str) -> Any:  # Any: whatever the layer has
        if self._faults.now == "no layer" and name.startswith("group_"):
            raise ConnectionError("the layer is away")
        return getattr(self._layer, name)


class Server:
    """The server's side of one WebSocket."""

    def __init__(self, application: Application, path: str, session: str) -> None:
        self.sent: list[Message] = []
        self.asked: list[str] = []
        self.reset = False
        self.to_application: asyncio.Queue[Message] = asyncio.Queue()
        self.to_application.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "path": path,
            "query_string": b"",
            "subprotocols": ["realtime.v1"],
            "headers": [
                (b"host", b"testserver"),
                (b"origin", b"http://testserver"),
                (b"cookie", f"sessionid={session}".encode()),
            ],
        }
        self.shared = path == "/ws/"
        self.speaks = not path.startswith("/ws/stock/")  # realtime.v1
        self.running = asyncio.create_task(self._run(application, scope))

    async def _run(self, application: Application, scope: Scope) -> None:
        await application(scope, self.to_application.get, self.send)

    async def send(self, message: Message) -> None:
        await asyncio.sleep(0)
        if self.reset:
            raise OSError("the client is gone")
        self.sent.append(message)

    def receive(self, kind: str, topic: str, data: dict[str, object]) -> None:
        """Have the client send a frame, each with an id of its own."""
        self.asked.append(str(len(self.asked)))
        frame: dict[str, object] = {"id": self.asked[-1], "type": kind, "data": data}
        if self.shared:
            frame["topic"] = topic
        text = json.dumps(frame)
        self.to_application.put_nowait({"type": "websocket.receive", "text": text})

    @property
    def turned_away(self) -> bool:
        """Whether the database was away while the socket was being signed in."""
        return any(
            message.get("reason") == "The server cannot sign you in now." for message in self.sent
        )

    @property
    def answers(self) -> Counter[str]:
        """How many answers each frame has had."""
        if not self.speaks:
            return Counter()
        texts = [message["text"] for message in self.sent if message["type"] == "websocket.send"]
        frames = map(json.loads, texts)
        return Counter(frame["id"] for frame in frames if frame.get("id") in self.asked)


class Story:
    """What happens to one socket.

    Args:
        data: the data of frames, by their type.
    """

    def __init__(
        self,
        faults: Faults,
        application: Application,
        user_id: int,
        session: str,
        data: dict[str, dict[str, object]],
    ) -> None:
        self.faults = faults
        self._application = application
        self._user_id = user_id
        self._session = session
        self._data = data

    async def live(self, path: str, steps: list[Step], end: str, late: list[Step]) -> None:
        """Take the steps, and check that nothing of them stays."""
        engine = this_engine()
        self.faults.watch(engine)
        async with asyncio.timeout(SECONDS):
            await engine.hub.answering.wait()
        tasks = asyncio.all_tasks()
        server = Server(self._application, path, self._session)
        for step in steps:
            await self._take(server, step)
        if end == "answers":
            await self._answered(server)
        else:
            await self._end(server, end)
        for step in late:
            await self._take(server, step)
        self.faults.now = "all is well"
        server.reset = True
        server.to_application.put_nowait({"type": "websocket.disconnect", "code": 1005})
        async with asyncio.timeout(SECONDS):
            await asyncio.wait([server.running])
            while asyncio.all_tasks() - tasks - lasting_tasks():
                await asyncio.sleep(0.001)
        assert max(server.answers.values(), default=1) == 1
        people = [person.sockets for person in engine.people.values()]
        assert (engine.connections, sum(people)) == (set(), 0)
        assert list(engine.hub.groups) == []

    async def _answered(self, server: Server) -> None:
        """Each frame has one answer, unless the server has closed."""
        self.faults.now = "all is well"
        if not server.speaks:
            return
        async with asyncio.timeout(SECONDS):
            while not server.running.done() and server.answers.keys() != set(server.asked):
                await asyncio.sleep(0.001)
        if server.shared and not server.turned_away:
            assert not server.running.done()  # what goes wrong in one topic ends that topic alone

    async def _take(self, server: Server, step: Step) -> None:
        match step:
            case ("malformed", text):
                server.to_application.put_nowait({"type": "websocket.receive", "text": text})
            case ("dismiss", topic):
                dismiss(topic, self._user_id, CloseCode.FORBIDDEN, "Removed.")
            case (kind, topic):
                server.receive(kind, topic, self._data.get(kind, {}))
            case fault if fault in FAULTS:
                self.faults.now = str(fault)
            case str():
                for _ in range(TURNS[step]):
                    await asyncio.sleep(0)

    async def _end(self, server: Server, end: str) -> None:
        match end:
            case "disconnect":
                server.to_application.put_nowait({"type": "websocket.disconnect", "code": 1005})
            case "reset":  # the client is gone, and the server finds out as it writes
                server.reset = True
            case "sign out":
                sign_out(self._user_id)
            case "drain":
                await this_engine().drain()
                this_engine().draining = False
            case "cancel":
                server.running.cancel()
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0)


def lasting_tasks() -> set[asyncio.Task[Any]]:
    """The tasks of what a process has one of, which may begin anew after a failure."""
    owners = ("Hub", "Attendance")
    return {task for task in asyncio.all_tasks() if name_of(task).startswith(owners)}


def name_of(task: asyncio.Task[Any]) -> str:
    name: str = getattr(task.get_coro(), "__qualname__", "")
    return name


@contextmanager
def nothing_is_left() -> Iterator[None]:
    """Check that no object of a socket outlives the test."""
    before = WeakSet(sockets())
    logging.disable()  # a log that is captured keeps the frames of what failed, and so the sockets
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
    assert Counter(type(each).__name__ for each in sockets() if each not in before) == {}


def sockets() -> list[object]:
    gc.collect()
    kinds = (Connection, Consumer, ClientSession, Socket)
    # Not `isinstance`, which asks a lazy object that another test has left for its class.
    return [each for each in gc.get_objects() if issubclass(type(each), kinds)]
