"""Bounds for the bodies of requests, under any server."""

import asyncio
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from realtime import bodies
from realtime.asgi import Message, Receive, Scope, Send
from realtime.bodies import BoundedBodies


class Client:
    """Sends the body of a request in parts, and keeps what it is answered."""

    def __init__(self, *parts: bytes, complete: bool = True, length: bytes = b"") -> None:
        self.headers = [(b"content-length", length)] if length else [(b"transfer-encoding", b"x")]
        self.answered: list[Message] = []
        self._parts = list(parts)
        self._complete = complete

    async def receive(self) -> Message:
        if not self._parts:
            await asyncio.sleep(60)
        part = self._parts.pop(0)
        more = bool(self._parts) or not self._complete
        return {"type": "http.request", "body": part, "more_body": more}

    async def send(self, message: Message) -> None:
        self.answered.append(message)

    async def ask(self, application: BoundedBodies) -> int:
        scope = {"type": "http", "method": "POST", "path": "/", "headers": self.headers}
        await application(scope, self.receive, self.send)
        status: int = self.answered[0]["status"]
        return status


class Site:
    """Reads a whole body, as Django does, and answers with 200."""

    def __init__(self) -> None:
        self.read = b""
        self.left = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left += 1
                return
            self.read += message["body"]
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture(autouse=True)
def _small_and_fast(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.REALTIME = {"BODY_BYTES": 10, "BODY_SECONDS": 0.2, "HANDSHAKE_SECONDS": 0.1}
    monkeypatch.setattr(bodies, "LAST_SECONDS", 0.01)
    yield
    assert bodies.arriving._oldest_first == {}
    assert bodies.arriving._bytes == 0


async def test_a_body_within_the_bounds_arrives(site: Site) -> None:
    assert await Client(b"01234", b"56789").ask(BoundedBodies(site)) == 200
    assert site.read == b"0123456789"


async def test_a_body_that_is_announced_as_too_large_is_not_read(site: Site) -> None:
    client = Client(b"01234", b"567890", length=b"11")
    assert await client.ask(BoundedBodies(site)) == 413
    assert (site.read, site.left) == (b"", 0)


async def test_a_body_that_turns_out_too_large_is_left(site: Site) -> None:
    assert await Client(b"01234", b"567890").ask(BoundedBodies(site)) == 413
    assert (site.read, site.left) == (b"01234", 1)


async def test_a_body_that_stops_is_left(site: Site) -> None:
    assert await Client(b"01234", complete=False, length=b"9").ask(BoundedBodies(site)) == 408
    assert site.left == 1


async def test_a_body_that_never_begins_is_left(site: Site) -> None:
    assert await Client(length=b"9").ask(BoundedBodies(site)) == 408


async def test_where_bodies_are_too_large_together_the_oldest_is_left(
    site: Site, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REALTIME = {"BODY_SECONDS": 60, "HANDSHAKE_SECONDS": 60}
    monkeypatch.setattr(bodies, "BYTES_AT_ONCE", 10)
    application = BoundedBodies(site)
    large = asyncio.create_task(Client(b"01234567", complete=False).ask(application))
    await asyncio.sleep(0)
    assert await Client(b"0123", b"4").ask(application) == 200
    assert await asyncio.wait_for(large, 5) == 408


async def test_an_answer_may_take_longer_than_a_body() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        gone = asyncio.ensure_future(receive())
        await asyncio.sleep(0.3)
        assert not gone.done()
        gone.cancel()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    assert await Client(b"0").ask(BoundedBodies(slow)) == 200
