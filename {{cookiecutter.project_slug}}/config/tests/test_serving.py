"""The servers of this project, started as its owner starts them, and real sockets to them."""

import errno
import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from accounts.models import User
from chat import actions
from config.tests.servers import Server, free_port
from operations import smoke
from realtime.management.commands.serve import listen
from realtime.protocol import PROTOCOL
from realtime.testing import session_key_of

ANSWER_SECONDS = 20

Json = dict[str, Any]  # Any: JSON

pytestmark = pytest.mark.django_db(transaction=True)
# In the template's own folder the project has no server yet.
for_serve = pytest.mark.skipif(not settings.ASGI_SERVER.isidentifier(), reason="not baked")


@pytest.fixture
def topic(ada: User, bob: User) -> str:
    """The topic of a room that ada and bob are in."""
    room = actions.create_room(ada, name="General")
    actions.enter(room, bob)
    return f"chat:{room.slug}"


@pytest.mark.parametrize(
    "command", [pytest.param(["serve"], marks=for_serve), ["runserver", "--noreload"]]
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


def test_the_development_server_passes_the_check_of_a_deployed_site(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server("runserver", folder=tmp_path) as server:  # under its reloader
        exit_code = smoke.main([server.url])
    assert (exit_code, capsys.readouterr().err) == (0, "")


def test_a_socket_for_both_takes_ipv4_and_ipv6() -> None:
    with listen("::", free_port()) as listener:
        port = listener.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port)).close()


@pytest.mark.parametrize(
    ("host", "place"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("[::1]", "[::1]"), ("::", "[::]")],
)
def test_a_port_in_use_is_named(host: str, place: str) -> None:
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    with socket.create_server((bare, 0), family=family) as other:
        port = other.getsockname()[1]
        assert refusal(host, port) == (
            f"Nothing can listen on {place}:{port}: it is in use. "
            "Stop what uses it, or choose another with PORT=."
        )


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "a..b"])
def test_a_host_that_is_not_here_is_named(host: str) -> None:
    place = f"[{host}]" if ":" in host else host
    assert refusal(host, 8000) == (
        f"Nothing can listen on {place}:8000: the host is no address of this machine. "
        "Give one with HOST=, such as 127.0.0.1, or :: for all."
    )


@pytest.mark.parametrize("port", [-1, 0, 65_536])
def test_a_number_that_is_no_port_is_named(port: int) -> None:
    assert refusal("127.0.0.1", port) == f"{port} is no port: give a number from 1 to 65535."


def test_a_port_that_is_not_for_this_user_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)
    assert refusal("::1", 80) == (
        "Nothing can listen on [::1]:80: this user may not use ports below 1024. "
        "Choose another with PORT=."
    )


def refusal(host: str, port: int) -> str:
    """What `serve` says where it cannot listen."""
    with pytest.raises(CommandError) as refused:
        call_command("serve", host=host, port=port)
    return str(refused.value)


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
