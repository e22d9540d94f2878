"""The bake's own client in Python, clients/realtime_client.py, before servers of a few lines."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from realtime_client import FeedClient, Json, TurnedAwayError
from websockets.asyncio.server import ServerConnection, serve

SECONDS = 2
CONNECTIONS = 10
"""More of them in this time than a client makes that waits ever longer."""

WAIT_SECONDS = 5

WELCOME = {"type": "welcome", "rev": 0, "data": {"epoch": "one", "items": []}}
ITEM = {"seq": 1, "rev": 1, "body": "Hello"}
CREATED = {"type": "item.created", "rev": 1, "data": ITEM}

BROKEN = [
    "no JSON",
    "[]",
    "{}",
    '{"type": "error", "data": {"code": "invalid", "detail": "This is no frame."}}',
    '{"type": "error", "id": ["1"], "data": {}}',
    '{"type": "error", "id": "1"}',
    '{"type": "welcome", "data": {}}',
    '{"type": "item.created", "rev": "1", "data": {}}',
    '{"type": "of.tomorrow", "data": null}',
]


class Listener(FeedClient):
    """Fails with what `failure` is, when an item comes."""

    failure: Exception | None = None

    def changed(self, item: Json) -> None:
        if self.failure is not None:
            raise self.failure


@asynccontextmanager
async def a_server(
    handler: Callable[[ServerConnection], Awaitable[None]],
) -> AsyncIterator[str]:
    """Its address."""
    async with serve(handler, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def test_a_full_server_is_asked_ever_more_seldom_and_what_was_not_sent_ends() -> None:
    connections = 0

    async def full(socket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await socket.close(1013)

    async def scene() -> asyncio.Future[Json]:
        async with a_server(full) as url, FeedClient([url], "chat:general") as client:
            post = client.post("message.send", body="Hello")
            await asyncio.sleep(SECONDS)
        with pytest.raises(ConnectionError, match="the client was left"):
            await client.post("message.send", body="Hello again")
        return post

    post = asyncio.run(scene())
    assert post.cancelled()
    assert 1 < connections < CONNECTIONS


def test_whoever_is_turned_away_is_told_by_every_post_and_request() -> None:
    async def no_place(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(4401)

    ends(no_place, None, TurnedAwayError, "closed with 4401")


@pytest.mark.parametrize("failure", [KeyError("author"), OSError("disk full")])
def test_what_changed_raises_is_seen_and_ends_every_post(failure: Exception) -> None:
    async def speaking(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(json.dumps(WELCOME))
        await socket.recv()  # the post, which is not answered
        await socket.send(json.dumps(CREATED))
        await socket.wait_closed()

    ends(speaking, failure, type(failure), str(failure))


def ends(
    handler: Callable[[ServerConnection], Awaitable[None]],
    failure: Exception | None,
    error: type[Exception],
    text: str,
) -> None:
    """A client ends with this error, and says so wherever it is asked."""

    async def ask(client: FeedClient) -> None:
        async with client:
            for question in (
                lambda: client.post("message.send", body="before"),
                client.stay,
                lambda: client.post("message.send", body="after"),
                lambda: client.request("message.typing", {}),
            ):
                with pytest.raises(error, match=text):
                    await question()

    async def scene() -> None:
        async with a_server(handler) as url, asyncio.timeout(WAIT_SECONDS):
            client = Listener([url], "chat:general")
            client.failure = failure
            with pytest.raises(error, match=text):
                await ask(client)
            assert client.waiting == 0

    asyncio.run(scene())


def test_a_failing_outbox_ends_the_client_too() -> None:
    async def answering(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(json.dumps(WELCOME))
        await socket.wait_closed()

    async def scene() -> None:
        async with a_server(answering) as url, asyncio.timeout(WAIT_SECONDS):
            with pytest.raises(TypeError, match="not JSON serializable"):
                async with FeedClient([url], "chat:general") as client:
                    await client.post("message.send", body=object())

    asyncio.run(scene())


def test_broken_and_unknown_frames_are_left_out() -> None:
    async def babbling(socket: ServerConnection) -> None:
        await socket.recv()
        for frame in [*BROKEN, json.dumps(WELCOME), *BROKEN]:
            await socket.send(frame)
        post = json.loads(await socket.recv())
        for frame in BROKEN:
            await socket.send(frame)
        await socket.send(json.dumps({"id": post["id"], "type": "ok", "data": {"seq": 1}}))
        await socket.wait_closed()

    async def scene() -> Json:
        async with (
            a_server(babbling) as url,
            asyncio.timeout(WAIT_SECONDS),
            FeedClient([url], "chat:general") as client,
        ):
            return await client.post("message.send", body="Hello")

    assert asyncio.run(scene()) == {"seq": 1}
