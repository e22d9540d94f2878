"""An application that knows nothing of the engine, on the servers that lend it their transports."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.conftest import Bake
from tests.conversations import SETTLE_SECONDS
from tests.projects import Server, served
from tests.sites import tail
from tests.wire import opened

APPLICATION = """
import socket
import sys
from importlib import import_module

import django

django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application


class Stock(AsyncWebsocketConsumer):
    async def connect(self):
        if self.scope["path"] == "/refused":
            await self.close()
        else:
            await self.accept()

    async def receive(self, text_data=None, bytes_data=None):
        match text_data.split():
            case ["close"]:
                await self.close()
            case ["close", code, reason]:
                await self.close(int(code), reason)
            case _:
                await self.send(text_data)


application = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": Stock.as_asgi()})
server, port = sys.argv[1:]
listener = socket.create_server(("127.0.0.1", int(port)))
import_module(f"realtime.servers.{server}").run(application, listener)
"""


@pytest.fixture(scope="module", params=["daphne", "uvicorn"])
def server(request: pytest.FixtureRequest, bake: Bake, python: Path) -> Iterator[Server]:
    project = bake(asgi_server=request.param)
    (project / "stock.py").write_text(APPLICATION, encoding="utf-8")
    surroundings = served(DJANGO_SETTINGS_MODULE="config.settings")
    command = f"python stock.py {request.param} {{port}}"
    with Server(python, project, surroundings, command) as server:
        yield server


def test_pings_pongs_and_fragments_are_no_messages(server: Server) -> None:
    async def scene() -> list[str | bytes]:
        async with opened(server.websocket_url, "/", protocols=()) as client:
            for number in range(20):
                await asyncio.wait_for(await client.ping(b"%d" % number), SETTLE_SECONDS)
                await client.pong(b"unasked")
            await client.send(["1, ", "2, ", "3"])
            await client.send("4")
            return [await client.recv(), await client.recv()]

    written = tail(server)
    assert asyncio.run(scene()) == ["1, 2, 3", "4"]
    assert "Traceback" not in written()


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        ("close", 1000, ""),
        ("close 4000 Enough.", 4000, "Enough."),
        ("close 4000 " + "é" * 50, 4000, "é" * 50),
        ("close 1013 Later.", 1013, "Later."),
    ],
    ids=["bare", "private", "long", "public"],
)
def test_it_closes_with_its_own_code_and_reason(
    server: Server, said: str, code: int, reason: str
) -> None:
    async def scene() -> tuple[int | None, str | None]:
        async with opened(server.websocket_url, "/", protocols=()) as client:
            await client.send(said)
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(client.recv(), SETTLE_SECONDS)
        return client.close_code, client.close_reason

    written = tail(server)
    assert asyncio.run(scene()) == (code, reason)
    assert "Traceback" not in written()


def test_it_may_close_before_it_accepts(server: Server) -> None:
    async def scene() -> int:
        with pytest.raises(InvalidStatus) as refused:
            async with opened(server.websocket_url, "/refused", protocols=()):
                pass
        return refused.value.response.status_code

    written = tail(server)
    assert asyncio.run(scene()) == 403
    assert "Traceback" not in written()
