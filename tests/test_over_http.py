"""A bake over HTTP, with plain clients: frames without a WebSocket, and server-sent events."""

import asyncio
import json
import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import cycle
from pathlib import Path

import pytest

from tests.conversations import Conversation, received, until
from tests.over_http import (
    FRAMES,
    EventReader,
    HttpRoomClient,
    PollingRoomClient,
    RoamingRoomClient,
    printed,
    words,
)
from tests.programs import program
from tests.projects import Server
from tests.proxies import sign
from tests.raw import tcp
from tests.services import free_port
from tests.sites import LIMITS, Site
from tests.tables import Table, shown_at_the_end
from tests.wire import Json, RoomClient, opened

FAST = {"FRAMES_PER_SECOND": 1_000, "USER_FRAMES_PER_SECOND": 1_000}
LONG_BODY = "🐌" * 3_990  # 16 KB in a frame
SMALL_BUFFER = 4_096
MOST_MESSAGES = 1_000  # much more than the kernel's buffers and an outbox take
KINDS: list[type[RoomClient]] = [HttpRoomClient, PollingRoomClient, RoomClient]


class MixedConversation(Conversation):
    """By streams, by long polls and by WebSockets."""

    def __init__(self, site: Site, servers: list[Server]) -> None:
        kinds = cycle(KINDS)
        self.client = lambda *args, **options: next(kinds)(*args, **options)  # type: ignore[assignment]
        super().__init__(site, servers)


class RoamingConversation(Conversation):
    client = RoamingRoomClient


def reader(site: Site, talk: Conversation) -> EventReader:
    """Somebody who reads the room as server-sent events."""
    urls = [server.websocket_url for server in site.pair()]
    return EventReader(urls, talk.room, site.people[0].session)


@pytest.fixture(scope="module")
def table() -> Table:
    columns = ("server", "event", "sent", "acknowledged", "seen", "lost", "doubled", "reordered")
    return shown_at_the_end(Table("Over HTTP", *columns, "gap, s"))


def test_nothing_is_lost_or_doubled_while_processes_are_killed(site: Site, table: Table) -> None:
    one, two = site.pair()

    async def scene() -> None:
        async with MixedConversation(site, [one, two]) as talk, reader(site, talk) as events:
            await talk.goes_on()
            for server in (one, two):
                server.kill()
                await talk.goes_on()
                await asyncio.to_thread(server.start)
                await talk.goes_on()
            outcome = await talk.settle()
            await until(lambda: events.revs[-1:] == [outcome.sent], "the last event is read")
        table.add(site.kind, "kill -9 of one process, then of the other", *outcome.cells)
        outcome.check()
        assert events.revs == list(range(events.revs[0], outcome.sent + 1))
        assert events.losses

    asyncio.run(scene())


def test_each_request_may_go_to_another_process(site: Site, table: Table) -> None:
    async def scene() -> None:
        async with RoamingConversation(site, site.pair(), people=3) as talk:
            await talk.goes_on(20)
            outcome = await talk.settle()
        table.add(site.kind, "each request to another process", *outcome.cells)
        outcome.check()
        assert [client.closes for client in talk.clients] == [[], [], []]

    asyncio.run(scene())


def test_a_drain_ends_streams_and_polls_with_its_code(site: Site) -> None:
    room = site.new_room()

    async def scene(server: Server) -> None:
        clients = [
            kind([server.websocket_url], room, site.people[0].session)
            for kind in (HttpRoomClient, PollingRoomClient)
        ]
        async with clients[0], clients[1]:
            await until(lambda: all(each.joined for each in clients), "both joined")
            await asyncio.to_thread(server.stop)
            await until(lambda: all(each.closes for each in clients), "both are told")
        assert [each.closes[0][1] for each in clients] == [1012, 1012]

    with site.serving() as server:
        asyncio.run(scene(server))
        assert server.process
        assert server.process.returncode == 0, server.log
        assert "Traceback" not in server.log


def test_one_who_never_reads_a_stream_is_closed_and_holds_up_nobody(site: Site) -> None:
    room, person = site.new_room(), site.people[2]
    body = json.dumps({"topic": f"chat:{room}", "type": "join"})

    async def scene(server: Server) -> None:
        async with RoomClient([server.websocket_url], room, site.people[0].session) as one:
            await until(lambda: one.joined, "joined")
            while len(one.sent) < MOST_MESSAGES and "closed by 4008" not in server.log:
                one.say(LONG_BODY)
                await until(lambda: one.waiting < 20, "what was said is taken")
            await until(lambda: not one.waiting, "all is acknowledged")
            await until(lambda: "closed by 4008" in server.log, "one who never reads is closed")
            assert one.closes == []

    with site.serving(REALTIME=json.dumps(LIMITS | FAST)) as server:
        head = f"POST {FRAMES} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        head += f"X-Session-Token: {person.session}\r\nContent-Length: {len(body)}\r\n\r\n"
        with tcp(server, SMALL_BUFFER) as slow:
            slow.sendall((head + body).encode())
            assert slow.recv(1)
            asyncio.run(scene(server))


def test_the_documented_commands_do_what_is_said(site: Site) -> None:
    server, person = site.pair()[0], site.people[0]
    room = site.new_room()
    text = (site.project / "docs/protocol.md").read_text("utf-8")
    commands = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    stream, poll, events, again = (
        each.replace("https://chat.example.com", server.url).replace("chat:general", f"chat:{room}")
        for each in commands
    )

    with running(stream, TOKEN=person.session) as frames:
        assert [next(frames)["type"] for _ in range(2)] == ["ok", "welcome"]
        with running(poll, TOKEN=person.session) as answers:
            sent = [each for each in answers if each.get("id") == "2"]
        assert [each["data"]["body"] for each in sent] == ["Hello"]
        assert words(frames) == "Hello"
    with running(events, TOKEN=person.session) as frames:
        assert next(frames)["type"] == "welcome"
        reset = next(frames)
        assert (reset["type"], reset["rev"]) == ("reset", 1)
    place = f"{reset['data']['epoch']}:0"
    with running(again, TOKEN=person.session, PLACE=place) as frames:
        assert next(frames)["type"] == "welcome"
        assert [each["body"] for each in next(frames)["data"]["messages"]] == ["Hello"]


def running(command: str, **environment: str) -> AbstractContextManager[Iterator[Json]]:
    return printed([program("bash"), "-c", f"exec {command}"], **environment)


def test_daphne_speaks_http_2_beside_websockets(site: Site, tmp_path: Path) -> None:
    text = (site.project / "docs/operations.md").read_text("utf-8")
    (command,) = re.findall(r"^daphne -e ssl.*$", text, re.MULTILINE)
    port, names = free_port(), ("cert.pem", "key.pem")
    sign(tmp_path / names[0], tmp_path / names[1], "localhost")
    command = command.replace("8443", str(port)).replace("daphne", "daphne --port {port}")
    for name in names:
        command = command.replace(name, str(tmp_path / name))
    person, room = site.people[0], site.new_room()
    curl = [program("curl"), "--silent", "--no-buffer", "--insecure", "--http2"]
    bearer = ["--header", f"X-Session-Token: {person.session}"]
    join = json.dumps({"id": "1", "topic": f"chat:{room}", "type": "join"})
    url = f"https://localhost:{port}"
    with site.serving(command, CSRF_TRUSTED_ORIGINS=url):
        version = ["--output", os.devnull, "--write-out", "{%{http_version} %{http_code}}"]
        page = subprocess.run([*curl, *version, f"{url}/accounts/login/"], capture_output=True)
        assert page.stdout == b"{2 200}"
        with (
            printed([*curl, *bearer, "--data", join, f"{url}{FRAMES}"]) as frames,
            printed([*curl, *bearer, f"{url}/api/realtime/topics/chat:{room}"]) as events,
        ):
            assert [next(frames)["type"] for _ in range(2)] == ["ok", "welcome"]
            assert [next(events)["type"] for _ in range(2)] == ["welcome", "reset"]
            asyncio.run(say_hello(f"wss://localhost:{port}", room, person.session))
            assert words(frames) == words(events) == "Hello"


async def say_hello(url: str, room: str, session: str) -> None:
    """Say something by a WebSocket."""
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    path, origin = f"/ws/chat/{room}/", url.replace("wss", "https")
    cookie = {"Cookie": f"parlour_sessionid={session}"}
    async with opened(url, path, origin=origin, headers=cookie, ssl=tls) as client:
        await received(client, "welcome")
        data = {"client_id": "hello", "body": "Hello"}
        await client.send(json.dumps({"id": "1", "type": "message.send", "data": data}))
        assert (await received(client, "ok"))["id"] == "1"
