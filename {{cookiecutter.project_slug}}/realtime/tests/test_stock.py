"""Stock Channels consumers and raw ASGI applications behind admission."""

import asyncio
from functools import partial
from time import monotonic
from typing import Any

import pytest
from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.urls import path, re_path
from django.utils.module_loading import import_string
from psycopg import OperationalError
from pytest_django import Settings
from redis.exceptions import RedisError

from accounts.models import User
from realtime.admission.middleware import AdmissionMiddleware
from realtime.admission.tickets import issue
from realtime.asgi import Message, Receive, Scope, Send
from realtime.database import in_database
from realtime.delivery import connection, publishing
from realtime.delivery.engine import running_engine, this_engine
from realtime.delivery.socket import Lent
from realtime.layers import layer
from realtime.testing import connect, session_key_of
from realtime.tests import stock
from realtime.tests.echo import EchoConsumer, application, connect_echo
from realtime.tests.wires import Wire, until
from realtime.transports.multiplex import Multiplexer

pytestmark = pytest.mark.django_db(transaction=True)

connect_stock = partial(connect_echo, subprotocols=[])

APPLICATIONS = ["async-json", "sync-json", "async-name", "sync-name", "raw"]
ECHOES = ["async-name", "sync-name", "raw"]


@pytest.fixture(autouse=True)
def forget() -> None:
    stock.ended.clear()


# Messages


async def test_a_json_consumer_s_group_reaches_async_and_sync_consumers(
    ada: User, bob: User
) -> None:
    async with (
        connect_stock("/ws/stock/async-json/", ada) as one,
        connect_stock("/ws/stock/async-json/", bob) as two,
        connect_stock("/ws/stock/sync-json/", bob) as three,
    ):
        await one.communicator.send_json_to({"n": 1})
        for client in (one, two, three):
            heard = await client.communicator.receive_json_from(20)
            assert heard == {"type": "said", "by": "ada", "content": {"n": 1}}


async def test_a_sync_consumer_uses_the_orm_and_reads_the_session(ada: User) -> None:
    async with connect_stock("/ws/stock/sync-json/", ada) as client:
        await client.communicator.send_json_to("hello")
        answer = await client.communicator.receive_json_from(20)
        assert answer == {"by": "ada", "session": str(ada.pk), "content": "hello"}


@pytest.mark.parametrize("name", ECHOES)
async def test_text_and_binary_messages_pass_as_they_are(ada: User, name: str) -> None:
    async with connect_stock(f"/ws/stock/{name}/", ada) as client:
        for sent in ({"text_data": "Grüße 👋"}, {"bytes_data": b"\x00\xff"}):
            await client.communicator.send_to(**sent)
            assert await client.communicator.receive_from(20) == next(iter(sent.values()))


async def test_the_scope_is_that_of_channels_own_middleware(ada: User) -> None:
    scopes: list[Scope] = []

    async def remembers(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await receive()
        await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})

    ticket = await in_database(lambda: issue(session_key_of(ada)))
    offered = ["graphql-ws", f"ticket.{ticket}"]
    async with connect(
        "/anywhere/", application=AdmissionMiddleware(remembers), subprotocols=offered, origin=None
    ):
        (scope,) = scopes
    assert scope["user"] == ada
    assert scope["session"]["_auth_user_id"] == str(ada.pk)
    assert scope["cookies"] == {}
    assert scope["subprotocols"] == ["graphql-ws"], "a ticket is nobody else's to read"


async def test_a_session_s_changes_are_saved(ada: User) -> None:
    scopes: list[Scope] = []

    async def remembers(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        scope["session"]["colour"] = "red"
        await in_database(scope["session"].save)

    session = await in_database(session_key_of, ada)
    for _ in range(2):
        async with connect(
            "/", session=session, application=AdmissionMiddleware(remembers)
        ) as client:
            await client.closed()
    assert scopes[1]["session"]["colour"] == "red"
    assert scopes[1]["session"].session_key == session


# Who comes in


@pytest.mark.parametrize("name", APPLICATIONS)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"origin": "http://evil.example"}, 4403),
        ({"origin": None}, 4403),
        ({"user": None}, 4401),
        ({"subprotocols": ["ticket.made-up"]}, 4401),
    ],
)
async def test_a_stranger_is_closed_with_a_code_and_reaches_no_application(
    ada: User, name: str, arguments: dict[str, Any], code: int
) -> None:
    async with connect(
        f"/ws/stock/{name}/",
        application=application,
        **{"user": ada, "subprotocols": [], **arguments},
    ) as client:
        assert await client.closed() == code
    assert stock.ended == []


async def test_a_refusal_selects_a_subprotocol_so_that_a_browser_sees_its_code(ada: User) -> None:
    scope_to_answer = WebsocketCommunicator(
        application, "/ws/stock/raw/", [(b"host", b"testserver")], ["ticket.x", "graphql-ws"]
    )
    assert await scope_to_answer.connect(20) == (True, "graphql-ws")
    assert (await scope_to_answer.receive_output(20))["code"] == 4401


@pytest.mark.parametrize("name", APPLICATIONS)
async def test_a_ticket_opens_a_stock_consumer(ada: User, name: str) -> None:
    ticket = await in_database(lambda: issue(session_key_of(ada)))
    async with connect_stock(
        f"/ws/stock/{name}/", subprotocols=[f"ticket.{ticket}"], origin=None
    ) as client:
        await client.communicator.send_json_to({"n": 1})
        assert (await client.communicator.receive_json_from(20)) is not None


async def test_a_path_that_nothing_is_at_is_closed_with_4404(ada: User) -> None:
    async with connect_stock("/ws/stock/nothing/", ada) as client:
        assert await client.closed() == 4404


# Limits


@pytest.mark.parametrize("name", APPLICATIONS)
async def test_a_message_too_big_closes_with_1009(ada: User, settings: Settings, name: str) -> None:
    settings.REALTIME = {"FRAME_BYTES": 100}
    async with connect_stock(f"/ws/stock/{name}/", ada) as client:
        await client.communicator.send_to(text_data='"%s"' % ("ü" * 50))
        assert await client.closed() == 1009
    assert stock.ended == [(name, 1009)]


@pytest.mark.parametrize(("name", "per_second"), [("raw", 200), ("polls", 50)])
async def test_who_sends_too_fast_is_read_more_slowly_and_loses_nothing(
    ada: User, settings: Settings, name: str, per_second: int
) -> None:
    settings.REALTIME = {"FRAMES_PER_SECOND": per_second, "FRAMES_BURST": 1}
    began_at = monotonic()
    async with connect_stock(f"/ws/stock/{name}/", ada) as client:
        for number in range(20):
            await client.communicator.send_to(text_data=str(number))
        heard = [await client.communicator.receive_from(20) for _ in range(20)]
    assert heard == [str(number) for number in range(20)]
    assert monotonic() - began_at > 19 / per_second


async def test_what_an_application_does_for_a_person_is_paid_for(
    ada: User, settings: Settings
) -> None:
    settings.BUDGETS = {"tickets": [2, 3_600]}
    async with connect_stock("/ws/stock/spends/", ada) as client:
        answers = []
        for _ in range(3):
            await client.communicator.send_to(text_data="spend")
            answers.append(await client.communicator.receive_from(20))
    assert answers == ["spent", "spent", "rate_limited"]


async def test_one_socket_more_than_a_person_may_have_is_closed_with_4029(
    ada: User, settings: Settings
) -> None:
    settings.REALTIME = {"SOCKETS_PER_USER": 1}
    async with (
        connect_stock("/ws/stock/raw/", ada),
        connect_stock("/ws/stock/raw/", ada) as second,
    ):
        assert await second.closed() == 4029


async def test_who_does_not_read_is_closed_with_4008(ada: User, settings: Settings) -> None:
    settings.REALTIME = {"SEND_SECONDS": 0.01}
    sent: list[Message] = []
    held = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        async def held_send(message: Message) -> None:
            sent.append(message)
            if message["type"] == "websocket.send":
                await held.wait()
            else:
                await send(message)

        await application(scope, receive, held_send)

    async with connect_stock("/ws/stock/ends/many/", ada, application=slow) as client:
        await client.communicator.send_to(text_data="many")
        assert await client.closed() == 4008
    assert [each["type"] for each in sent].count("websocket.send") == 1


async def test_who_does_not_read_is_closed_with_4008_where_a_transport_is_lent(
    ada: User,
) -> None:
    wire = Wire()
    wire.waiting = 2**21

    async def lending(scope: Scope, receive: Receive, send: Send) -> None:
        await application({**scope, "realtime.lent": Lent(wire)}, receive, send)

    async with connect_stock("/ws/stock/ends/many/", ada, application=lending) as client:
        await client.communicator.send_to(text_data="many")
        assert await client.closed() == 4008


# The end


@pytest.mark.parametrize("name", APPLICATIONS)
async def test_a_sign_out_closes_with_4401_and_the_application_is_told(
    ada: User, name: str
) -> None:
    async with connect_stock(f"/ws/stock/{name}/", ada) as client:
        publishing.sign_out(ada.pk)
        assert await client.closed() == 4401
    assert stock.ended == [(name, 4401)]


@pytest.mark.parametrize("name", APPLICATIONS)
async def test_a_drain_closes_with_1012_and_the_application_is_told(
    ada: User, settings: Settings, name: str
) -> None:
    settings.REALTIME = {"DRAIN_SECONDS": 0}
    async with connect_stock(f"/ws/stock/{name}/", ada) as client:
        await this_engine().drain()
        assert await client.closed() == 1012
    assert stock.ended == [(name, 1012)]


@pytest.mark.parametrize("name", APPLICATIONS)
async def test_a_client_that_leaves_ends_the_application(ada: User, name: str) -> None:
    async with connect_stock(f"/ws/stock/{name}/", ada):
        assert this_engine().connections
    assert stock.ended == [(name, 1000)]
    assert running_engine() is None, "no socket is counted any longer"


@pytest.mark.parametrize(("text", "code"), [("close", 1000), ("4000", 4000), ("break", 1011)])
@pytest.mark.parametrize("offered", [[], ["realtime.v1"], ["graphql-ws"]])
async def test_an_application_closes_with_its_code(
    ada: User, text: str, code: int, offered: list[str]
) -> None:
    async with connect_echo("/ws/stock/ends/accepts/", ada, subprotocols=offered) as client:
        await client.communicator.send_to(text_data=text)
        assert await client.closed() == code


@pytest.mark.parametrize("code", [1, 1004, 1005, 1006, 1015, 2999, 5000])
async def test_a_code_that_no_close_frame_may_have_becomes_1011(
    ada: User, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    class Closes(AsyncWebsocketConsumer):
        async def receive(
            self, text_data: str | None = None, bytes_data: bytes | None = None
        ) -> None:
            await self.close(code)

    async with connect_stock("/", ada, application=AdmissionMiddleware(Closes.as_asgi())) as client:
        await client.communicator.send_to(text_data="anything")
        assert await client.closed() == 1011
    assert f"A socket was closed with {code}, which cannot be sent: 1011 is." in caplog.messages


async def test_a_handshake_that_an_application_rejects_is_answered_as_asgi_has_it(
    ada: User,
) -> None:
    cookie = f"sessionid={await in_database(session_key_of, ada)}".encode()
    headers = [(b"host", b"testserver"), (b"origin", b"http://testserver"), (b"cookie", cookie)]
    for offered, answer in [([], (False, 4000)), (["realtime.v1"], (True, "realtime.v1"))]:
        client = WebsocketCommunicator(application, "/ws/stock/ends/rejects/", headers, offered)
        assert await client.connect(20) == answer
        await client.wait(20)
    assert (await client.receive_output(20))["code"] == 4000


@pytest.mark.parametrize("name", ["ends/refuses", "denies"])
async def test_who_was_accepted_before_an_application_rejects_is_closed_with_4403(
    ada: User, name: str
) -> None:
    cookie = f"sessionid={await in_database(session_key_of, ada)}".encode()
    headers = [(b"host", b"testserver"), (b"origin", b"http://testserver"), (b"cookie", cookie)]
    client = WebsocketCommunicator(application, f"/ws/stock/{name}/", headers, ["realtime.v1"])
    client.scope["extensions"] = {"websocket.http.response": {}}
    assert await client.connect(20) == (True, "realtime.v1")
    assert (await client.receive_output(20))["code"] == 4403
    await client.wait(20)
    assert await client.receive_nothing()


@pytest.mark.parametrize(
    ("how", "code"), [("breaks", 1011), ("permits-nobody", 4403), ("finds-nothing", 4404)]
)
async def test_an_application_that_fails_before_it_accepts_closes_with_a_code(
    ada: User, how: str, code: int
) -> None:
    async with connect_stock(f"/ws/stock/ends/{how}/", ada) as client:
        assert await client.closed() == code


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("redis://127.0.0.1:1", "ConnectionError"),
        ("redis+core://127.0.0.1:1", "ConnectionError"),
        ("postgres://127.0.0.1:1/site", "OperationalError"),
    ],
)
async def test_an_application_that_fails_with_its_layer_closes_with_1013(
    ada: User, caplog: pytest.LogCaptureFixture, url: str, error: str
) -> None:
    made = layer(url)
    away = import_string(made["BACKEND"])(**made["CONFIG"])

    class Fails(AsyncWebsocketConsumer):
        async def receive(
            self, text_data: str | None = None, bytes_data: bytes | None = None
        ) -> None:
            await away.group_send("everybody", {"type": "said"})

    layered = AdmissionMiddleware(Fails.as_asgi())
    async with connect_stock("/", ada, application=layered) as client:
        await client.communicator.send_to(text_data="anything")
        assert await client.closed() == 1013
    (failed,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert failed.getMessage().startswith(f"/ failed: {error}: ")
    assert failed.exc_info is None, "A crowd would fill the log with tracebacks."


@pytest.mark.parametrize(
    "error", [ConnectionError("gone"), OperationalError("gone"), RedisError("gone")]
)
async def test_what_an_application_calls_itself_is_not_its_layer(
    ada: User, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    class Fails(AsyncWebsocketConsumer):
        async def receive(
            self, text_data: str | None = None, bytes_data: bytes | None = None
        ) -> None:
            raise error

    own = AdmissionMiddleware(Fails.as_asgi())
    async with connect_stock("/", ada, application=own) as client:
        await client.communicator.send_to(text_data="anything")
        assert await client.closed() == 1011
    (failed,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert failed.getMessage() == "/ failed"
    assert failed.exc_info is not None


@pytest.mark.redis
async def test_an_application_that_fails_leaves_no_channel_behind(ada: User) -> None:
    class Fails(AsyncWebsocketConsumer):
        groups = ["fails"]

        async def said(self, event: Message) -> None:
            raise RuntimeError("a bug")

    kept = get_channel_layer()._get_layer()
    layered = AdmissionMiddleware(Fails.as_asgi())
    async with connect_stock("/", ada, application=layered) as client:
        (channel,) = kept.groups[kept._get_group_channel_name("fails")]
        await kept.group_send("fails", {"type": "said"})
        assert await client.closed() == 1011
    assert channel not in kept.channels
    assert not kept.groups[kept._get_group_channel_name("fails")]


async def test_an_application_that_returns_closes_its_socket(ada: User) -> None:
    async with connect_stock("/ws/stock/returns/", ada) as client:
        assert await client.closed() == 1000


async def test_an_application_that_only_sends_is_ended_too(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LEAVE_SECONDS", 0.05)

    async def lost(scope: Scope, receive: Receive, send: Send) -> None:
        sent = 0

        async def failing(message: Message) -> None:
            nonlocal sent
            sent += 1
            if sent > 100:
                raise OSError("the client is gone")
            await send(message)

        await application(scope, receive, failing)

    async with connect_stock("/ws/stock/pushes/", ada, application=lost) as client:
        engine = this_engine()
        await until(lambda: engine.connections)
        await until(lambda: not engine.connections)
        await client.communicator.wait(20)


async def test_channels_own_logout_closes_with_4401(ada: User) -> None:
    async with connect_stock("/ws/stock/signs-out/", ada) as client:
        await client.communicator.send_to(text_data="go")
        assert await client.closed() == 4401


async def test_a_null_code_is_none(ada: User) -> None:
    async def closes(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": None, "reason": None})

    async with connect_stock("/", ada, application=AdmissionMiddleware(closes)) as client:
        assert await client.closed() == 1000


async def test_a_group_may_have_the_name_of_a_topic(ada: User) -> None:
    class Grouped(AsyncJsonWebsocketConsumer):
        groups = ["echo.a"]

    others: Any = application.application
    routes = AdmissionMiddleware(
        URLRouter([path("ws/grouped/", Grouped.as_asgi()), re_path("", others)])
    )
    async with (
        connect_stock("/ws/grouped/", ada, application=routes) as stock_client,
        connect_echo("/ws/echo/a/", ada, application=routes) as client,
    ):
        await client.expect("welcome")
        await client.send("say", {"text": "a"})
        await client.expect("said")
        assert await stock_client.communicator.receive_nothing()


async def test_admission_stands_inside_another_router(ada: User) -> None:
    admitted: Any = AdmissionMiddleware(
        URLRouter(
            [path("", Multiplexer.as_asgi()), path("echo/<slug:slug>/", EchoConsumer.as_asgi())]
        )
    )
    outer = URLRouter([re_path("^live/", admitted)])
    async with connect("/live/echo/a/", ada, application=outer) as client:
        assert (await client.receive())["type"] == "welcome"
    async with connect("/live/", ada, application=outer) as client:
        assert (await client.send("join", {}, "echo:a"))["type"] == "ok"
    async with connect("/live/nothing/", ada, application=outer) as client:
        assert await client.closed() == 4404


@pytest.mark.parametrize("path", ["/ws/nowhere/", "/ws/echo/a/", "/ws/stock/ends/breaks/"])
async def test_what_is_turned_away_selects_a_subprotocol_that_was_offered(
    ada: User, path: str
) -> None:
    """Where none is, a browser fails the handshake and does not see the code."""
    cookie = f"sessionid={await in_database(session_key_of, ada)}".encode()
    headers = [(b"host", b"testserver"), (b"origin", b"http://testserver"), (b"cookie", cookie)]
    client = WebsocketCommunicator(application, path, headers, ["graphql-ws"])
    assert await client.connect(20) == (True, "graphql-ws")
    await client.wait(20)


async def test_an_application_that_does_not_end_is_ended(
    ada: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "LEAVE_SECONDS", 0.05)
    async with connect_stock("/ws/stock/never-ends/", ada) as client:
        publishing.sign_out(ada.pk)
        assert await client.closed() == 4401
    assert "/ws/stock/never-ends/ went on for 0 s after its end" in caplog.text
    assert running_engine() is None, "no socket is counted any longer"


# On the shared socket


@pytest.mark.parametrize("name", [*APPLICATIONS, "never-ends", "returns", "ends:accepts"])
async def test_a_stock_consumer_is_no_topic_and_the_others_stay(ada: User, name: str) -> None:
    async with connect_echo("/ws/", ada) as client:
        await client.send("join", {}, "echo:a")
        refused = await client.send("join", {}, f"stock:{name}")
        assert (refused["type"], refused["data"]["code"]) == ("error", "not_found")
        assert (await client.send("say", {"text": "a"}, "echo:a"))["type"] == "ok"
        assert (await client.send("say", {}, f"stock:{name}"))["data"]["code"] == "not_found"
