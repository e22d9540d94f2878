"""Servers that carry messages of chat, drain, and replace what is killed."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from accounts.models import User
from chat import actions
from config.tests.servers import Server, for_serve
from realtime.protocol import PROTOCOL
from realtime.testing import session_key_of

ANSWER_SECONDS = 20

Json = dict[str, Any]  # Any: JSON

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def topic(ada: User, bob: User) -> str:
    """The topic of a room that ada and bob are in."""
    room = actions.create_room(ada, name="General")
    actions.enter(room, bob)
    return f"chat:{room.slug}"


# On uvicorn the development server is daphne's own, which does not wait for commands.
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["serve"], marks=for_serve),
        pytest.param(
            ["runserver", "--noreload"],
            marks=pytest.mark.skipif(not find_spec("realtime.servers.daphne"), reason="not baked"),
        ),
    ],
)
def test_a_server_carries_messages_and_drains(
    command: list[str], topic: str, ada: User, bob: User, tmp_path: Path
) -> None:
    with Server(*command, folder=tmp_path) as server:
        talk_until_it_stops(server, topic, ada, bob)


@for_serve
@pytest.mark.redis
def test_several_processes_behind_one_port_carry_messages_and_drain(
    topic: str, ada: User, bob: User, tmp_path: Path
) -> None:
    with Server("serve", folder=tmp_path, WEB_CONCURRENCY="2") as server:
        server.wait_until(lambda: len(workers(server)) == 2)
        talk_until_it_stops(server, topic, ada, bob)


@for_serve
@pytest.mark.redis
def test_killed_processes_are_replaced_and_their_sockets_no_longer_counted(
    topic: str, ada: User, tmp_path: Path
) -> None:
    with Server("serve", folder=tmp_path, WEB_CONCURRENCY="2") as server:
        server.wait_until(lambda: len(workers(server)) == 2)
        with opened(server, ada, topic):
            server.wait_until(lambda: "\nrealtime_sockets 1.0\n" in metrics(server))
            killed = workers(server)
            for worker in killed:
                os.kill(int(worker), signal.SIGKILL)
            server.wait_until(lambda: len(workers(server) - killed) == 2)

        assert "\nrealtime_sockets 0.0\n" in metrics(server)
        assert "\nrealtime_joins_total 1.0\n" in metrics(server)


def talk_until_it_stops(server: Server, topic: str, ada: User, bob: User) -> None:
    with opened(server, ada, topic) as one, opened(server, bob, topic) as other:
        send(one, topic, "message.send", {"client_id": "1", "body": "Hello"})
        assert expect(one, "ok")["data"]["body"] == "Hello"
        assert expect(other, "message.created")["data"]["body"] == "Hello"
        assert one.ping().wait(ANSWER_SECONDS)

        exit_code = server.stop()
        assert [close_code(one), close_code(other)] == [1012, 1012]
        assert exit_code == 0
        assert "Traceback" not in server.log


@contextmanager
def opened(server: Server, user: User, topic: str) -> Iterator[ClientConnection]:
    """A socket of `user` that has joined `topic`."""
    with connect(
        f"ws://{server.address}/ws/",
        origin=Origin(server.url),
        subprotocols=[Subprotocol(PROTOCOL)],
        additional_headers={"Cookie": f"test_sessionid={session_key_of(user)}"},
        compression=None,
        proxy=None,
    ) as client:
        send(client, topic, "join", {})
        expect(client, "ok")
        yield client


def send(client: ClientConnection, topic: str, type: str, data: Json) -> None:
    client.send(json.dumps({"id": "1", "topic": topic, "type": type, "data": data}))


def expect(client: ClientConnection, type: str) -> Json:
    """The next frame of this type."""
    while (frame := json.loads(client.recv(ANSWER_SECONDS)))["type"] != type:
        assert frame["type"] != "error", frame
    found: Json = frame
    return found


def close_code(client: ClientConnection) -> int | None:
    """Wait for the server to close; return its code."""
    try:
        while True:
            client.recv(ANSWER_SECONDS)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def workers(server: Server) -> set[str]:
    """The processes in the metrics."""
    return set(re.findall(r'pid="(\d+)"', metrics(server)))


def metrics(server: Server) -> str:
    """The metrics; nothing, where the process that was asked is killed meanwhile."""
    try:
        return server.get("/metrics")[1]
    except (OSError, HTTPException):
        return ""
