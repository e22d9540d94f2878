"""The project on ASGI servers as they are: from their own command lines, with nothing of ours.

Stock Channels consumers (`realtime/tests/stock.py`) are tried on `manage.py serve` as well.
"""

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from tests.conftest import Bake, Manage, Prepare
from tests.conversations import SETTLE_SECONDS, received, until
from tests.over_http import HttpRoomClient, PollingRoomClient
from tests.projects import SERVE, Server, served
from tests.raw import exchange, upgraded
from tests.services import Postgres, Redis
from tests.sites import LIMITS, Site, tail
from tests.test_revocation import everything, post
from tests.wire import Json, RoomClient, opened

UVICORN = "uvicorn --no-proxy-headers --port {port} config.asgi:application"
COMMANDS = {
    "daphne": "daphne --port {port} config.asgi:application",
    "uvicorn": UVICORN,
    "uvicorn, sans-I/O": f"{UVICORN} --ws websockets-sansio",
    "uvicorn, wsproto": f"{UVICORN} --ws wsproto",
    "hypercorn": "hypercorn --bind 127.0.0.1:{port} config.asgi:application",
    "granian": "granian --interface asgi --port {port} config.asgi:application",
}
OURS = ["serve on uvicorn", "serve on daphne"]
STOCK = """

from realtime.tests.stock import stock_urlpatterns

websocket_urlpatterns += stock_urlpatterns
"""
MESSAGES = 200
FAST = {"FRAMES_PER_SECOND": 1_000, "USER_FRAMES_PER_SECOND": 1_000}
LONG_BODY = "🐌" * 3_990  # 16 KB in a frame
SMALL_BUFFER = 4_096
MOST_MESSAGES = 1_000  # much more than the kernel's buffers and an outbox take

TICKET = "/api/realtime/ticket"

AnyServer = Callable[[str], Server]


@pytest.fixture(scope="module")
def site(bake: Bake, python: Path, prepare: Prepare, postgres: Postgres) -> Iterator[Site]:
    """One site, for whichever server."""
    with Redis() as redis:
        surroundings = served(
            DATABASE_URL=postgres.create_database(),
            REDIS_URL=redis.url,
            REALTIME=json.dumps(LIMITS | FAST),
            SECRET_KEY="of every bake here " * 3,  # sessions of one are known to another
        )
        project = stocked(bake(asgi_server="uvicorn"))
        prepare(project, **surroundings)
        with Site("any", project, python, surroundings, redis) as site:
            yield site


def stocked(project: Path) -> Path:
    """A project with routes to the stock consumers."""
    with (project / "config/routing.py").open("a") as routing:
        routing.write(STOCK)
    return project


@pytest.fixture(scope="module")
def on_daphne(site: Site, bake: Bake, manage: Manage) -> Site:
    """The same site, served by a project that was made for daphne."""
    project = stocked(bake(asgi_server="daphne"))
    manage(project, "collectstatic", "--no-input", **site.environment)
    return replace(site, project=project)


@pytest.fixture(scope="module")
def any_server(site: Site, on_daphne: Site) -> Iterator[AnyServer]:
    """Start a server by its name in `COMMANDS` or `OURS`, once; it ends with the module."""
    with ExitStack() as stack:
        running: dict[str, Server] = {}

        def any_server(name: str) -> Server:
            if name not in running:
                one = on_daphne if name == "serve on daphne" else site
                running[name] = stack.enter_context(one.serving(COMMANDS.get(name, SERVE)))
            return running[name]

        yield any_server


@pytest.fixture(scope="module", params=[*COMMANDS, *OURS])
def stock_server(request: pytest.FixtureRequest, any_server: AnyServer) -> Server:
    return any_server(request.param)


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest, any_server: AnyServer) -> Server:
    return any_server(request.param)


def test_what_one_says_another_hears_in_order(site: Site, server: Server) -> None:
    room, url = site.new_room(), server.websocket_url

    async def scene() -> None:
        async with (
            RoomClient([url], room, site.people[0].session) as one,
            RoomClient([url], room, site.people[1].session, shared=True) as two,
        ):
            await until(lambda: one.joined and two.joined, "both have joined")
            for number in range(MESSAGES):
                one.say(f"message {number}")
            await until(lambda: not one.waiting, "all is acknowledged")
            await until(lambda: two.cursor.rev == MESSAGES, lambda: f"seen {len(two.seen)}")
            author = site.people[0].username
            assert two.seen == [(author, client_id) for client_id in one.sent]
            assert (one.closes, two.closes) == ([], [])

    asyncio.run(scene())


def test_streams_and_polls_do_as_well(site: Site, server: Server) -> None:
    room, url = site.new_room(), server.websocket_url

    async def scene() -> None:
        async with (
            HttpRoomClient([url], room, site.people[0].session) as one,
            PollingRoomClient([url], room, site.people[1].session) as two,
        ):
            await until(lambda: one.joined and two.joined, "both have joined")
            for number in range(20):
                (one, two)[number % 2].say(f"message {number}")
            await until(lambda: not (one.waiting or two.waiting), "all is acknowledged")
            await until(lambda: one.cursor.rev == two.cursor.rev == 20, "all is seen")
            assert one.seen == two.seen
            assert (one.closes, two.closes) == ([], [])

    asyncio.run(scene())
    assert "Traceback" not in server.log


def test_a_ping_is_answered_and_the_socket_goes_on(site: Site, server: Server) -> None:
    async def scene() -> None:
        path = f"/ws/chat/{site.new_room()}/"
        async with opened(server.websocket_url, path, site.people[0].session) as client:
            await received(client, "welcome")
            for number in range(20):
                await asyncio.wait_for(await client.ping(b"%d" % number), SETTLE_SECONDS)
                await client.pong(b"unasked")
            await client.send(['{"id": "1", ', '"type": "typing"}'])
            assert (await received(client, "ok"))["id"] == "1"

    asyncio.run(scene())


def test_who_may_not_come_in_is_told_by_the_code(site: Site, server: Server) -> None:
    good, session = f"/ws/chat/{site.new_room()}/", site.people[0].session
    cases: list[tuple[int, str, str | None, Json]] = [
        (4403, good, session, {"origin": "http://evil.example"}),
        (4401, good, None, {}),
        (4409, good, session, {"protocols": ("graphql-ws",)}),
        (4404, "/nowhere/", session, {}),
        (4404, "/ws/chat/no-such-room/", session, {}),
        (4403, f"/ws/chat/{site.private_room}/", site.people[1].session, {}),
    ]

    async def scene() -> None:
        for code, path, session, options in cases:
            async with opened(server.websocket_url, path, session, **options) as client:
                assert await everything(client) == ([], code), (path, options)

    asyncio.run(scene())


def test_a_frame_too_big_closes_the_socket(site: Site, server: Server) -> None:
    async def scene() -> None:
        path = f"/ws/chat/{site.new_room()}/"
        async with opened(server.websocket_url, path, site.people[0].session) as client:
            await received(client, "welcome")
            await client.send("x" * 65_537)
            frames, code = await everything(client)
            assert {each["type"] for each in frames} <= {"heartbeat"}
            assert code == (4009 if server.command.startswith("daphne") else 1009)

    asyncio.run(scene())


def test_a_body_that_is_too_large_or_stops_is_refused(server: Server) -> None:
    form = b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    large = form + b"Content-Length: 3000000\r\n\r\n"
    assert exchange(server, large, b"x" * 3_000_000)[0].startswith(b"HTTP/1.1 413")
    if not server.command.startswith("daphne"):  # it hands on whole requests only
        stopped = form + b"Content-Length: 1000\r\n\r\nx"
        assert exchange(server, stopped)[0].startswith(b"HTTP/1.1 408")


def test_signing_out_closes_the_sockets(site: Site, server: Server) -> None:
    person, room = site.new_person(), site.new_room()

    async def scene() -> None:
        async with (
            opened(server.websocket_url, f"/ws/chat/{room}/", person.session) as own,
            opened(server.websocket_url, "/ws/", person.session) as shared,
        ):
            await received(own, "welcome")
            await shared.send('{"id": "1", "topic": "chat", "type": "join"}')
            await received(shared, "ok")
            await asyncio.to_thread(post, server, "/accounts/logout/", person.session)
            assert [(await everything(each))[1] for each in (own, shared)] == [4401, 4401]

    asyncio.run(scene())


def test_one_who_never_reads_holds_up_nobody(site: Site, server: Server) -> None:
    room, url = site.new_room(), server.websocket_url
    written = tail(server)
    says_nothing_of_it = server.command.startswith("daphne")  # it keeps all in memory

    async def scene() -> None:
        async with (
            RoomClient([url], room, site.people[0].session) as one,
            RoomClient([url], room, site.people[1].session) as two,
        ):
            await until(lambda: one.joined and two.joined, "both have joined")
            while len(one.sent) < MOST_MESSAGES and "closed by 4008" not in written():
                one.say(LONG_BODY)
                await until(lambda: one.waiting < 20, "what was said is taken")
            await until(lambda: not one.waiting, "all is acknowledged")
            await until(lambda: len(two.seen) == len(one.sent), "all is seen")
            assert (one.closes, two.closes) == ([], [])
        if not says_nothing_of_it:
            await until(lambda: "closed by 4008" in written(), "one who never reads is closed")

    with upgraded(server, f"/ws/chat/{room}/", site.people[2].session, SMALL_BUFFER):
        asyncio.run(scene())


@pytest.mark.parametrize("name", COMMANDS)
def test_it_stops_and_its_clients_know_that_they_are_to_come_back(site: Site, name: str) -> None:
    code = {"daphne": 1006, "granian": 1006, "hypercorn": 1001}.get(name, 1012)
    with site.serving(COMMANDS[name]) as server:
        assert code_at_the_end(site, server) == code
        assert server.process
        assert server.process.returncode in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("asgi_server", "path", "name", "code"),
    [
        ("daphne", "twisted.internet.tcp:_AbortingMixin", "abortConnection", 4012),
        (
            "uvicorn",
            "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol",
            "keepalive_timeout",
            1012,
        ),
    ],
    ids=["daphne", "uvicorn"],
)
def test_without_a_private_name_ours_says_so_and_serves_the_plain_way(
    site: Site, bake: Bake, tmp_path: Path, asgi_server: str, path: str, name: str, code: int
) -> None:
    take_away = f"from pkgutil import resolve_name\ndelattr(resolve_name({path!r}), {name!r})\n"
    (tmp_path / "sitecustomize.py").write_text(take_away, encoding="utf-8")
    project = bake(asgi_server=asgi_server)
    surroundings = served(**site.environment, PYTHONPATH=str(tmp_path))
    with Server(site.python, project, surroundings) as server:
        assert code_at_the_end(site, server) == code
        warnings = [each for each in server.log.splitlines() if "WARNING" in each]
        assert len(warnings) == 1
        assert f"{name}, which realtime.servers uses to be faster" in warnings[0]
        assert server.process
        assert server.process.returncode == 0, server.log


def code_at_the_end(site: Site, server: Server) -> int | None:
    """Stop a server while somebody is connected; return the code that they are closed with."""

    async def scene() -> int | None:
        path = f"/ws/chat/{site.new_room()}/"
        async with opened(server.websocket_url, path, site.people[0].session) as client:
            await received(client, "welcome")
            stopped = asyncio.create_task(asyncio.to_thread(server.stop))
            _, code = await everything(client)
            await stopped
        return code

    return asyncio.run(scene())


@pytest.mark.parametrize("name", ["daphne", "uvicorn", "hypercorn", "granian"])
def test_a_proxy_is_believed_on_every_server(site: Site, name: str) -> None:
    path = f"/ws/chat/{site.new_room()}/"

    async def scene(server: Server, said: dict[str, str]) -> None:
        url, own = server.websocket_url, f"https://127.0.0.1:{server.port}"
        async with opened(url, path, site.people[0].session, origin=own, headers=said) as client:
            await received(client, "welcome")

    with site.serving(COMMANDS[name], BEHIND_PROXY="true", SECURE_SSL_REDIRECT="true") as server:
        for scheme in ("https", "wss", "https,http"):
            said = {"X-Forwarded-Proto": scheme, "X-Forwarded-For": "203.0.113.7"}
            asyncio.run(scene(server, said))
            assert status(server, "/accounts/login/", said) == 200
        assert status(server, "/accounts/login/", {"X-Forwarded-Proto": "http"}) == 301
        assert status(server, "/metrics", {}) == 403


def test_metrics_are_not_for_who_comes_through_a_proxy_that_is_not_declared(
    server: Server,
) -> None:
    assert status(server, "/metrics", {"X-Forwarded-For": "8.8.8.8"}) == 403
    assert status(server, "/metrics", {"Host": "evil.example"}) == 403
    assert status(server, "/metrics", {}) == 200


def status(server: Server, path: str, headers: dict[str, str]) -> int:
    """The status of the answer to a request."""
    client = HTTPConnection("127.0.0.1", server.port, timeout=SETTLE_SECONDS)
    with closing(client):
        client.request("GET", path, headers=headers)
        return client.getresponse().status


# Stock consumers


def test_a_stock_consumer_hears_its_group_and_lives_through_pings(
    site: Site, stock_server: Server
) -> None:
    url, sessions = stock_server.websocket_url, [each.session for each in site.people[:2]]

    async def scene() -> None:
        async with (
            opened(url, "/ws/stock/async-json/", sessions[0], protocols=()) as one,
            opened(url, "/ws/stock/async-json/", sessions[1], protocols=()) as two,
            opened(url, "/ws/stock/sync-json/", sessions[1], protocols=()) as three,
        ):
            for number in range(20):
                for client in (one, two, three):
                    await asyncio.wait_for(await client.ping(b"%d" % number), SETTLE_SECONDS)
                    await client.pong(b"unasked")
                await one.send(["[", f'{number}, "Grüße 👋"', "]"])  # in fragments
                said = {"type": "said", "by": "person0", "content": [number, "Grüße 👋"]}
                for client in (one, two, three):
                    assert await next_json(client) == said

    asyncio.run(scene())


def test_a_sync_stock_consumer_uses_the_orm_and_reads_the_session(
    site: Site, stock_server: Server
) -> None:
    person = site.people[2]

    async def scene() -> None:
        url = stock_server.websocket_url
        async with opened(url, "/ws/stock/sync-json/", person.session, protocols=()) as client:
            await client.send('"hello"')
            answer = {"by": "person2", "session": str(person.id), "content": "hello"}
            assert await next_json(client) == answer

    asyncio.run(scene())


@pytest.mark.parametrize("name", ["async-name", "sync-name", "raw"])
def test_text_and_binary_messages_pass_a_stock_application(
    site: Site, stock_server: Server, name: str
) -> None:
    async def scene() -> None:
        url, session = stock_server.websocket_url, site.people[0].session
        async with opened(url, f"/ws/stock/{name}/", session, protocols=()) as client:
            for sent in ("Grüße 👋", b"\x00\xff", "x" * 65_536):
                await client.send(sent)
                assert await asyncio.wait_for(client.recv(), SETTLE_SECONDS) == sent

    asyncio.run(scene())


def test_stock_applications_have_origin_sign_in_ticket_limit_and_revocation(
    site: Site, stock_server: Server
) -> None:
    url, person, another = stock_server.websocket_url, site.people[0], site.new_person()
    # Daphne by itself sends no code between 1000 and 3000.
    too_big = 4009 if stock_server.command.startswith("daphne") else 1009

    async def scene(path: str) -> None:
        for code, session, options in (
            (4403, person.session, {"origin": "http://evil.example"}),
            (4403, person.session, {"origin": None}),
            (4401, None, {}),
        ):
            async with opened(url, path, session, protocols=(), **options) as client:
                assert (await everything(client))[1] == code
        async with opened(url, path, person.session, protocols=()) as client:
            await client.send('"%s"' % ("x" * 65_536))
            assert (await everything(client))[1] == too_big

    async def put_out(paths: list[str]) -> None:
        async with AsyncExitStack() as stack:
            clients = []
            for path in paths:
                answer = await asyncio.to_thread(post, stock_server, TICKET, another.session)
                bearer = (f"ticket.{json.loads(answer)['ticket']}",)
                opening = opened(url, path, origin=None, protocols=bearer)
                clients.append(await stack.enter_async_context(opening))
                await clients[-1].send('"in"')
                assert await asyncio.wait_for(clients[-1].recv(), SETTLE_SECONDS)
            await asyncio.to_thread(post, stock_server, "/accounts/logout/", another.session)
            assert [(await everything(each))[1] for each in clients] == [4401] * len(paths)

    names = ("async-json", "sync-json", "async-name", "sync-name", "raw")
    paths = [f"/ws/stock/{name}/" for name in names]
    for path in paths:
        asyncio.run(scene(path))
    asyncio.run(put_out(paths))


def test_a_stock_consumer_ends_as_it_likes(site: Site, stock_server: Server) -> None:
    url, session = stock_server.websocket_url, site.people[0].session
    failed = 4011 if stock_server.command.startswith("daphne") else 1011

    async def scene() -> None:
        for text, code in (("close", 1000), ("4000", 4000), ("break", failed)):
            async with opened(url, "/ws/stock/ends/accepts/", session, protocols=()) as client:
                await client.send(text)
                assert (await everything(client))[1] == code
        with pytest.raises(InvalidStatus) as rejected:
            async with opened(url, "/ws/stock/ends/rejects/", session, protocols=()):
                pass
        assert rejected.value.response.status_code == 403
        with pytest.raises(InvalidStatus) as denied:
            async with opened(url, "/ws/stock/denies/", session, protocols=()):
                pass
        assert denied.value.response.status_code in (403, 418)  # as the server can
        async with opened(url, "/ws/stock/ends/accepts/", session, protocols=()) as client:
            await client.send("large")
            assert len(await asyncio.wait_for(client.recv(), SETTLE_SECONDS)) == 1_000_000
        async with opened(url, "/ws/", session) as shared:
            await shared.send('{"id": "1", "topic": "stock:raw", "type": "join"}')
            assert (await received(shared, "error"))["data"]["code"] == "not_found"
            await shared.send('{"id": "2", "topic": "notifications", "type": "join"}')
            assert (await received(shared, "ok"))["id"] == "2"

    asyncio.run(scene())


@pytest.mark.parametrize("name", OURS)
def test_a_drain_tells_stock_consumers_too(site: Site, on_daphne: Site, name: str) -> None:
    async def scene(server: Server) -> None:
        url, session = server.websocket_url, site.people[0].session
        async with (
            opened(url, "/ws/stock/async-json/", session, protocols=()) as one,
            opened(url, "/ws/stock/sync-name/", session, protocols=()) as two,
        ):
            await two.send("here")
            assert await asyncio.wait_for(two.recv(), SETTLE_SECONDS) == "here"
            stopped = asyncio.create_task(asyncio.to_thread(server.stop))
            assert [(await everything(each))[1] for each in (one, two)] == [1012, 1012]
            await stopped

    with (on_daphne if name == "serve on daphne" else site).serving() as server:
        asyncio.run(scene(server))
        assert server.process
        assert server.process.returncode == 0, server.log
        assert "Traceback" not in server.log


async def next_json(client: ClientConnection) -> Any:  # Any: JSON
    return json.loads(await asyncio.wait_for(client.recv(), SETTLE_SECONDS))
