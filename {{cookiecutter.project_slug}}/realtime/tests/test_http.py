"""Frames and topics over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.routing import URLRouter
from channels.testing import ApplicationCommunicator
from django.conf import settings as django_settings
from pytest_django import Settings

from accounts.models import User
from realtime.asgi import Application, Scope
from realtime.database import in_database
from realtime.delivery.engine import running_engine, stop_engine, this_engine
from realtime.delivery.publishing import publish, sign_out
from realtime.testing import session_key_of
from realtime.tests.echo import EchoConsumer, application, connect_echo
from realtime.tests.wires import until
from realtime.transports import http
from realtime.transports.sse import over_http

pytestmark = pytest.mark.django_db(transaction=True)

FRAMES = "/api/realtime/frames"
ANSWER_SECONDS = 20
JOIN: dict[str, Any] = {"id": "j", "topic": "echo:a", "type": "join"}

Json = dict[str, Any]  # Any: JSON


class Response:
    """A response as it arrives."""

    def __init__(self, communicator: ApplicationCommunicator) -> None:
        self._communicator = communicator
        self.headers: dict[bytes, bytes] = {}
        self._text = ""
        self._more = True

    async def status(self) -> int:
        message = await self._communicator.receive_output(ANSWER_SECONDS)
        self.headers = dict(message["headers"])
        status: int = message["status"]
        return status

    async def line(self) -> str | None:
        """The next line, without the empty ones; None at the end."""
        while True:
            line, end, rest = self._text.partition("\n")
            if end:
                self._text = rest
                if line.strip():
                    return line
            elif not self._more:
                return None
            else:
                message = await self._communicator.receive_output(ANSWER_SECONDS)
                self._text += message["body"].decode()
                self._more = message.get("more_body", False)

    async def part(self) -> bytes:
        """The next part of the body, as it is sent."""
        part: bytes = (await self._communicator.receive_output(ANSWER_SECONDS))["body"]
        return part

    async def frame(self) -> Json | None:
        line = await self.line()
        return None if line is None else json.loads(line)

    async def rest(self) -> list[Json]:
        frames = []
        while (frame := await self.frame()) is not None:
            frames.append(frame)
        return frames

    async def leave(self) -> None:
        await self._communicator.send_input({"type": "http.disconnect"})
        await self._communicator.wait(ANSWER_SECONDS)
        assert not self._communicator.future.cancelled(), "The application went on."


@asynccontextmanager
async def asked(
    path: str = FRAMES,
    body: bytes | str | list[Json] = b"",
    user: User | None = None,
    *,
    method: str = "POST",
    query: str = "",
    origin: str | None = "http://testserver",
    application: Application = application,
    **headers: str,
) -> AsyncIterator[Response]:
    """The response to a request of a browser, which leaves in the end."""
    if isinstance(body, list):
        body = "\n".join(map(json.dumps, body))
    sent = {"host": "testserver", **{name.replace("_", "-"): headers[name] for name in headers}}
    if origin is not None:
        sent["origin"] = origin
    if user is not None:
        key = await in_database(session_key_of, user)
        sent["cookie"] = f"{django_settings.SESSION_COOKIE_NAME}={key}"
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }
    communicator = ApplicationCommunicator(URLRouter(over_http(application)), scope)
    content = body.encode() if isinstance(body, str) else body
    await communicator.send_input({"type": "http.request", "body": content})
    response = Response(communicator)
    try:
        yield response
    finally:
        await response.leave()
        engine = running_engine()
        if engine is not None and not engine.connections:
            await stop_engine()


async def test_a_stream_has_answers_and_events(ada: User) -> None:
    async with asked(body=[JOIN], user=ada) as response:
        assert await response.status() == 200
        assert response.headers[b"content-type"] == b"application/x-ndjson"
        assert response.headers[b"cache-control"] == b"no-store"
        assert response.headers[b"x-accel-buffering"] == b"no"
        assert await response.frame() == {"id": "j", "topic": "echo:a", "type": "ok", "data": {}}
        assert (await response.frame() or {})["type"] == "welcome"
        publish("echo:a", "said", {"text": "hi"})
        event = {"topic": "echo:a", "type": "said", "data": {"text": "hi"}}
        assert await response.frame() == event
    assert running_engine() is None


async def test_a_poll_ends_when_all_is_answered(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LINGER_SECONDS", 1)  # in which the layer brings the event
    say = {"id": "s", "topic": "echo:a", "type": "say", "data": {"text": "hi"}}
    async with asked(body=[JOIN, say], user=ada, query="wait=20") as response:
        assert await response.status() == 200
        frames = await response.rest()
    assert {frame.get("id") for frame in frames} == {"j", "s", None}
    assert [frame["type"] for frame in frames if "id" not in frame] == ["welcome", "said"]


async def test_a_poll_that_tells_nothing_new_waits_for_what_happens(ada: User) -> None:
    async with asked(body=[JOIN], user=ada, query="wait=20") as response:
        await response.status()
        await response.rest()
        digest = response.headers[b"x-frames-digest"].decode()
    async with asked(body=[JOIN], user=ada, query=f"wait=20&known={digest}") as response:
        await until(lambda: list(this_engine().hub.groups))
        await asyncio.sleep(0.3)
        publish("echo:a", "said", {"text": "hi"})
        assert await response.status() == 200
        said = {"topic": "echo:a", "type": "said", "data": {"text": "hi"}}
        assert await response.rest() == [said]
        assert response.headers[b"x-frames-digest"].decode() == digest


async def test_a_poll_in_which_nothing_happens_ends(ada: User) -> None:
    async with asked(body=[JOIN], user=ada, query="wait=20") as response:
        await response.status()
        await response.rest()
        digest = response.headers[b"x-frames-digest"].decode()
    async with asked(body=[JOIN], user=ada, query=f"wait=1&known={digest}") as response:
        assert (await response.status(), await response.rest()) == (200, [])


@pytest.mark.parametrize("known", ["a%0d%0aX-More:%20b", "%ff", "%E2%82%AC"])
async def test_what_a_client_says_that_it_knows_is_in_no_header(ada: User, known: str) -> None:
    async with asked(body=[JOIN], user=ada, query=f"wait=0&known={known}") as response:
        assert await response.status() == 200
        assert response.headers[b"x-frames-digest"] == b""


async def test_a_request_without_frames_says_whether_one_may_come(ada: User) -> None:
    async with asked(user=ada, query="wait=1") as response:
        assert (await response.status(), await response.rest()) == (200, [])
    async with asked(query="wait=1") as response:
        assert await response.status() == 401


@pytest.mark.parametrize("query", ["", "wait=20"])
@pytest.mark.parametrize(
    ("signed_in", "headers", "status", "code"),
    [
        (False, {}, 401, 4401),
        (True, {"origin": None}, 403, 4403),
        (True, {"origin": "http://evil.example"}, 403, 4403),
        (True, {"origin": "null"}, 403, 4403),
        (False, {"origin": None, "x_session_token": "made-up"}, 401, 4401),
    ],
)
async def test_who_may_not_come_is_told_by_status_and_code(
    ada: User, query: str, signed_in: bool, headers: Any, status: int, code: int
) -> None:
    user = ada if signed_in else None
    async with asked(body=[JOIN], user=user, query=query, **headers) as response:
        assert await response.status() == status
        (frame,) = await response.rest()
    assert (frame["topic"], frame["type"], frame["data"]["code"]) == (None, "left", code)


async def test_the_bearer_of_a_session_token_needs_no_origin(ada: User) -> None:
    token = await in_database(session_key_of, ada)
    for path, method in ((FRAMES, "POST"), ("/api/realtime/topics/echo:a", "GET")):
        async with asked(
            path, [JOIN], method=method, origin=None, x_session_token=token
        ) as response:
            assert await response.status() == 200


@pytest.mark.parametrize(
    ("body", "code", "frame_id"),
    [
        (b"{", "invalid", None),
        (b"\x00\xff", "invalid", None),
        (b'"text"', "invalid", None),
        (b'{"id": "7", "type": "say", "data": []}', "invalid", "7"),
        (b'{"id": "7", "topic": "echo:b", "type": "say"}', "not_found", "7"),
        (b'{"id": "7", "topic": "echo:closed", "type": "join"}', "forbidden", "7"),
    ],
)
async def test_a_bad_frame_gets_an_error_and_the_others_their_answers(
    ada: User, body: bytes, code: str, frame_id: str | None
) -> None:
    body = b"%s\n\r\n%s" % (body, json.dumps(JOIN).encode())
    async with asked(body=body, user=ada, query="wait=20") as response:
        assert await response.status() == 200
        replies = [frame for frame in await response.rest() if "id" in frame]
    (error,) = [frame for frame in replies if frame["type"] == "error"]
    assert (error["id"], error["data"]["code"]) == (frame_id, code)
    assert [frame["id"] for frame in replies if frame["type"] == "ok"] == ["j"]


@pytest.mark.parametrize(
    ("body", "query", "method", "status"),
    [
        (b"x" * 1_048_576, "", "POST", 413),
        (b"{}\n" * 101, "", "POST", 413),
        (b"", "wait=61", "POST", 400),
        (b"", "wait=-1", "POST", 400),
        (b"", "wait=", "POST", 400),
        (b"", "wait=1e9", "POST", 400),
        (b"", "wait=" + "9" * 5_000, "POST", 400),
        (b"", "wait=%b2", "POST", 400),
        (b"", "wait=%C2%B2", "POST", 400),
        (b"", "", "GET", 405),
        (b"", "", "PUT", 405),
    ],
)
async def test_what_is_no_client_s_frames_is_refused(
    ada: User, body: bytes, query: str, method: str, status: int
) -> None:
    async with asked(body=body, user=ada, query=query, method=method) as response:
        assert await response.status() == status
        assert (await response.frame() or {})["type"] == "error"


@pytest.mark.parametrize("query", ["", "wait=20"])
async def test_a_frame_too_big_ends_the_request_with_413(ada: User, query: str) -> None:
    async with asked(body=b"x" * 65_537, user=ada, query=query) as response:
        assert await response.status() == 413
        assert (await response.frame() or {})["data"]["code"] == 1009


async def test_more_requests_than_sockets_are_refused(ada: User, settings: Settings) -> None:
    settings.REALTIME = {"SOCKETS_PER_USER": 1}
    async with asked(body=[JOIN], user=ada) as first:
        await first.status()
        async with asked(body=[JOIN], user=ada, query="wait=20") as second:
            assert await second.status() == 429
            assert (await second.frame() or {})["data"]["code"] == 4029


async def test_requests_one_after_the_other_share_a_bucket(
    ada: User, bob: User, settings: Settings
) -> None:
    settings.REALTIME = {"USER_FRAMES_PER_SECOND": 0.01, "USER_FRAMES_BURST": 2}
    async with connect_echo("/ws/echo/a/", bob):  # so that the engine stays
        codes = []
        for _ in range(3):
            async with asked(body=[JOIN], user=ada, query="wait=20") as response:
                await response.status()
                codes.append((await response.frame() or {})["type"])
            this_engine().forget_people()
        assert ada.pk in this_engine().people
    assert codes == ["ok", "ok", "error"]


@pytest.mark.parametrize("path", [FRAMES, "/api/realtime/topics/echo:a"])
async def test_signing_out_and_a_drain_end_a_stream(ada: User, path: str) -> None:
    method = "POST" if path == FRAMES else "GET"
    for code, end in (
        (4401, lambda: sign_out(ada.pk)),
        (1012, lambda: asyncio.ensure_future(this_engine().drain())),
    ):
        async with asked(path, [JOIN], ada, method=method) as response:
            await response.status()
            await response.line()
            end()
            lines = []
            while (line := await response.line()) is not None:
                lines.append(line)
        assert f'"code":{code}' in lines[-1]


async def test_a_client_that_leaves_ends_what_it_joined(ada: User) -> None:
    EchoConsumer.left.clear()
    async with asked(body=[JOIN], user=ada) as response:
        await response.status()
        await response.frame()
    assert EchoConsumer.left == ["echo:a"]


async def test_a_stream_ends_after_a_while(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "STREAM_SECONDS", 0.1)
    async with asked(body=[JOIN], user=ada) as response:
        assert await response.status() == 200
        types = [frame["type"] for frame in await response.rest()]
        assert types == ["ok", "welcome"][: len(types)]


async def test_a_quiet_stream_is_kept_open(ada: User, settings: Settings) -> None:
    settings.REALTIME = {"HEARTBEAT_SECONDS": 0.05}
    async with asked(user=ada) as response:
        assert await response.status() == 200
        assert await response.part() == b"\n"
