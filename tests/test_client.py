"""The bake's client in Python, clients/realtime_client.py, before a server that lets nobody in."""

import asyncio

from realtime_client import FeedClient, Json
from websockets.asyncio.server import ServerConnection, serve

SECONDS = 2
CONNECTIONS = 10
"""More of them in this time than a client makes that waits ever longer."""


def test_a_full_server_is_asked_ever_more_seldom_and_what_was_not_sent_ends() -> None:
    connections = 0

    async def full(socket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await socket.close(1013)

    async def scene() -> asyncio.Future[Json]:
        async with serve(full, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with FeedClient([f"ws://127.0.0.1:{port}"], "chat:general") as client:
                post = client.post("message.send", body="Hello")
                await asyncio.sleep(SECONDS)
        return post

    post = asyncio.run(scene())
    assert post.cancelled()
    assert 1 < connections < CONNECTIONS
