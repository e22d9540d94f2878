"""The handshake and the limits."""

import json
from typing import Any

import django
import pytest
from pytest_django import Settings

from accounts.models import User
from realtime.admission.auth import cookies_of
from realtime.admission.middleware import AdmissionMiddleware
from realtime.asgi import Message, Receive, Scope, Send
from realtime.delivery import connection, engine
from realtime.delivery.engine import this_engine
from realtime.delivery.socket import Lent
from realtime.tests.echo import application, connect_echo
from realtime.tests.wires import Wire, until

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_signed_in_person_is_welcomed(ada: User) -> None:
    async with connect_echo("/ws/echo/room/", ada, since=3) as client:
        frame = await client.receive()
    assert frame == {
        "topic": "echo:room",
        "type": "welcome",
        "data": {"query": {"since": "3"}},
        "rev": 1,
    }


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"subprotocols": []}, 4409),
        ({"subprotocols": ["graphql-ws"]}, 4409),
        ({"origin": None}, 4403),
        ({"origin": "http://evil.example"}, 4403),
        ({"origin": "https://testserver"}, 4403),
        ({"origin": "http://testserver:81"}, 4403),
        ({"origin": "null"}, 4403),
        ({"subprotocols": ["realtime.v1", "ticket.made-up"]}, 4401),
    ],
)
async def test_a_wrong_handshake_is_closed_with_its_code(
    ada: User, arguments: dict[str, Any], code: int
) -> None:
    async with connect_echo("/ws/echo/room/", ada, **arguments) as client:
        assert await client.closed() == code


async def test_a_trusted_origin_is_let_in(ada: User, settings: Settings) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.example"]
    async with connect_echo("/ws/echo/room/", ada, origin="https://app.example") as client:
        assert (await client.receive())["type"] == "welcome"


async def test_a_host_that_is_not_ours_is_refused_with_its_own_origin(
    ada: User, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["chat.example"]
    async with connect_echo("/ws/echo/room/", ada) as client:
        assert await client.closed() == 4403


def test_cookies_are_read_as_pages_read_them() -> None:
    """Before 6.1, Django joins two headers with a comma, which belongs to the value before it."""
    headers = [(b"cookie", b"a=b"), (b"cookie", b"sessionid=c; d=e")]
    scope = {"type": "websocket", "path": "/ws/", "headers": headers}
    joined = {"a": "b,sessionid=c", "d": "e"}
    apart = {"a": "b", "sessionid": "c", "d": "e"}
    assert cookies_of(scope) == (joined if django.VERSION < (6, 1) else apart)


async def test_nobody_signed_in_is_closed_with_4401() -> None:
    async with connect_echo("/ws/echo/room/") as client:
        assert await client.closed() == 4401


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/nowhere/", 4404),
        ("/ws/echo/a%20b/", 4404),
        ("/ws/echo/closed/", 4403),
        ("/ws/echo/refused/", 4404),
        ("/ws/echo/broken/", 1011),
    ],
)
async def test_a_topic_that_cannot_be_joined_closes_with_its_code(
    ada: User, path: str, code: int
) -> None:
    async with connect_echo(path, ada) as client:
        assert await client.closed() == code


@pytest.mark.parametrize(
    ("text", "code", "frame_id"),
    [
        ("{", "invalid", None),
        ("[]", "invalid", None),
        ('"text"', "invalid", None),
        ('{"id": "7"}', "invalid", "7"),
        ('{"id": 7, "type": "say"}', "invalid", None),
        ('{"id": "%s", "type": "say"}' % ("7" * 65), "invalid", None),
        ('{"id": "7", "type": "say", "data": []}', "invalid", "7"),
        ('{"id": "7", "type": "say", "data": {"text": 1}}', "invalid", "7"),
        ('{"id": "7", "type": "say", "data": {"text": "a", "more": 1}}', "invalid", "7"),
        ('{"id": "7", "type": "say", "data": %s}' % ("[" * 30_000), "invalid", None),
        ('{"id": "7", "type": "say", "data": {"text": "\\ud800"}}', "invalid", "7"),
        ('{"id": "7", "type": "shout"}', "unknown_type", "7"),
        ('{"id": "7", "type": "say", "topic": "echo:other"}', "not_found", "7"),
        ('{"id": "7", "type": "refuse"}', "conflict", "7"),
        ('{"id": "7", "type": "fail"}', "internal", "7"),
    ],
)
async def test_a_bad_frame_gets_an_error_and_the_socket_stays(
    ada: User, text: str, code: str, frame_id: str | None
) -> None:
    async with connect_echo("/ws/echo/room/", ada) as client:
        await client.expect("welcome")
        await client.send_text(text)
        error = await client.expect("error")
        assert (error["data"]["code"], error["id"]) == (code, frame_id)
        assert (await client.send("say", {"text": "still here"}))["type"] == "ok"


async def test_a_binary_frame_gets_an_error_and_the_socket_stays(ada: User) -> None:
    async with connect_echo("/ws/echo/room/", ada) as client:
        await client.communicator.send_to(bytes_data=b"\x00\xff")
        assert (await client.expect("error"))["data"]["code"] == "invalid"
        assert (await client.send("say", {"text": "still here"}))["type"] == "ok"


@pytest.mark.parametrize("kind", ["text_data", "bytes_data"])
async def test_a_frame_too_big_closes_with_1009(ada: User, kind: str) -> None:
    content: Any = "x" * 65_537
    async with connect_echo("/ws/echo/room/", ada) as client:
        await client.communicator.send_to(
            **{kind: content if kind == "text_data" else content.encode()}
        )
        assert await client.closed() == 1009


async def test_the_largest_frame_is_read(ada: User) -> None:
    frame = json.dumps({"id": "1", "type": "shout"})
    async with connect_echo("/ws/echo/room/", ada) as client:
        await client.send_text(frame + " " * (65_536 - len(frame)))
        assert (await client.expect("error"))["data"]["code"] == "unknown_type"


async def test_sending_too_fast_is_refused_until_the_bucket_refills(
    ada: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REALTIME = {"FRAMES_PER_SECOND": 50, "FRAMES_BURST": 2}
    now = 1_000.0
    monkeypatch.setattr(connection, "monotonic", lambda: now)
    async with connect_echo("/ws/echo/room/", ada) as client:
        replies = [await client.send("say", {"text": "a"}) for _ in range(3)]
        assert [reply["type"] for reply in replies] == ["ok", "ok", "error"]
        error = replies[-1]["data"]
        assert error["code"] == "rate_limited"
        assert error["retry_after"] == pytest.approx(1 / 50)
        now += 2 * error["retry_after"]
        assert (await client.send("say", {"text": "a"}))["type"] == "ok"


async def test_a_person_s_sockets_share_a_bucket(ada: User, settings: Settings) -> None:
    settings.REALTIME = {"USER_FRAMES_PER_SECOND": 0.01, "USER_FRAMES_BURST": 1}
    async with connect_echo("/ws/echo/a/", ada) as one, connect_echo("/ws/echo/b/", ada) as two:
        assert (await one.send("say", {"text": "a"}))["type"] == "ok"
        assert (await two.send("say", {"text": "a"}))["data"]["code"] == "rate_limited"


async def test_who_keeps_flooding_is_closed_with_4029(ada: User, settings: Settings) -> None:
    settings.REALTIME = {"FRAMES_PER_SECOND": 0.01, "FRAMES_BURST": 1, "FLOOD_REFUSALS": 5}
    async with connect_echo("/ws/echo/room/", ada) as client:
        for _ in range(10):
            await client.send_text('{"type": "say", "data": {"text": "a"}}')
        assert await client.closed() == 4029


async def test_control_frames_cost_as_much(ada: User, settings: Settings) -> None:
    settings.REALTIME = {"FRAMES_PER_SECOND": 0.01, "FRAMES_BURST": 1, "FLOOD_REFUSALS": 5}
    wire = Wire()
    lent = Lent(wire)

    async def lending(scope: Scope, receive: Receive, send: Send) -> None:
        await application({**scope, "realtime.lent": lent}, receive, send)

    async with connect_echo("/ws/echo/room/", ada, application=lending) as client:
        await until(lambda: wire.written)
        for _ in range(5):  # the first takes the token
            lent.on_control_frame()
        await client.send_text('{"type": "say", "data": {"text": "a"}}')
        await until(lambda: b"rate_limited" in wire.written[-1])
        assert this_engine().connections
        lent.on_control_frame()
        assert await client.closed() == 4029


async def test_one_socket_more_than_a_person_may_have_is_closed_with_4029(
    ada: User, settings: Settings
) -> None:
    settings.REALTIME = {"SOCKETS_PER_USER": 1}
    async with connect_echo("/ws/echo/room/", ada) as first:
        await first.expect("welcome")
        async with connect_echo("/ws/echo/room/", ada) as second:
            assert await second.closed() == 4029
        assert (await first.send("say", {"text": "a"}))["type"] == "ok"


async def test_a_socket_that_says_nothing_for_long_is_closed_with_1001(
    ada: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REALTIME = {"IDLE_SECONDS": 0.1}
    monkeypatch.setattr(engine, "TICK_SECONDS", 0.01)
    async with connect_echo("/ws/echo/room/", ada) as client:
        assert await client.closed() == 1001


async def test_a_scope_with_only_what_asgi_requires_is_refused_as_any_other() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await application({"type": "websocket", "path": "/ws/"}, receive, send)
    assert [message.get("code") for message in sent] == [None, 4403]


async def test_scopes_of_other_types_are_handed_on() -> None:
    scopes: list[Scope] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)

    async def never(*_: Any) -> Any:
        raise AssertionError

    await AdmissionMiddleware(inner)({"type": "lifespan"}, never, never)
    assert scopes == [{"type": "lifespan"}]
