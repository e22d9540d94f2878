"""What is used of the servers' insides is there; and what happens where it is not."""

import asyncio
import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import pytest

from realtime.servers.messages import Messages
from realtime.servers.private_names import missing_names

SERVERS = [name for name in ("daphne", "uvicorn") if find_spec(f"realtime.servers.{name}")]

SANS_IO = "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol"
# For each server a class, and a method of it, an attribute, or nothing where its module is gone.
GONE = {
    "daphne": [
        ("daphne.server:Server", "listen_success"),
        ("twisted.internet.tcp:Server", "no_such_attribute"),
        ("autobahn.websocket.types:ConnectionDeny", ""),
    ],
    "uvicorn": [
        (SANS_IO, "handle_ping"),
        ("websockets.server:ServerProtocol", "no_such_attribute"),
        (SANS_IO, ""),
    ],
}


for_daphne = pytest.mark.skipif("daphne" not in SERVERS, reason="not baked")
for_uvicorn = pytest.mark.skipif("uvicorn" not in SERVERS, reason="not baked")


async def application(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's
    """Never called."""


@pytest.fixture(params=SERVERS)
def name(request: pytest.FixtureRequest) -> str:
    server: str = request.param
    return server


@pytest.fixture
def module(name: str) -> ModuleType:
    return import_module(f"realtime.servers.{name}")


def test_the_installed_packages_have_every_name(module: ModuleType) -> None:
    assert list(missing_names(module.INSIDE)) == []


def test_the_server_lends_its_transports(
    name: str, module: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    assert type(server_of(name, module)).__module__ == f"realtime.servers.lending_{name}"
    assert caplog.messages == []


@pytest.mark.parametrize("what", range(3), ids=["method", "attribute", "module"])
def test_where_a_name_is_gone_a_line_says_so_and_the_server_is_used_as_it_is(
    name: str,
    module: ModuleType,
    what: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path, attribute = GONE[name][what]
    take_away(path, attribute, module, monkeypatch)
    assert type(server_of(name, module)) is module.Server
    package = path.partition(".")[0]
    gone = path.replace(":", ".") + (attribute and f".{attribute}")
    assert caplog.messages == [
        f"{package} {version(package)} has no {gone}, which realtime.servers uses to be faster. "
        "The project is served without."
    ]


def server_of(name: str, module: ModuleType) -> Any:  # Any: one of two kinds
    if name == "daphne":
        return module.server(application, endpoints=["tcp:0"])
    config = import_module("uvicorn").Config(application, log_config=None)
    server = module.server(config)
    assert (config.ws == "auto") is (type(server) is module.Server)
    return server


def take_away(
    path: str, attribute: str, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _, cls = path.partition(":")
    if not attribute:
        monkeypatch.setitem(sys.modules, source, None)
    elif attribute in dir(getattr(import_module(source), cls)):
        monkeypatch.delattr(f"{source}.{cls}.{attribute}")
    else:
        monkeypatch.setitem(module.INSIDE, path, f"{module.INSIDE[path]} {attribute}")


async def test_what_comes_is_read_in_order_by_all_who_wait() -> None:
    messages = Messages()
    readers = [asyncio.create_task(messages.get()) for _ in range(3)]
    await asyncio.sleep(0)
    for number in range(4):
        messages.put_nowait({"number": number})
    async with asyncio.timeout(5):
        read = await asyncio.gather(*readers)
        assert sorted(message["number"] for message in read) == [0, 1, 2]
        assert (await messages.get(), messages.empty()) == ({"number": 3}, True)
        waiting = asyncio.create_task(messages.get())
        await asyncio.sleep(0)
        messages.put_nowait({"number": 4})
        assert await waiting == {"number": 4}


@for_daphne
async def test_a_connection_that_is_lost_or_has_a_request_leaves_no_timer() -> None:
    daphne = import_module("realtime.servers.lending_daphne")
    lose = Mock()
    lost = daphne._with_deadline(lambda address: Mock(connectionLost=lose), "127.0.0.1")
    deadline = lost._channel.deadline
    lost.connectionLost("why")
    assert deadline.cancelled()
    lose.assert_called_once_with("why")

    asking = daphne._with_deadline(lambda address: Mock(), "127.0.0.1")
    deadline = asking._channel.deadline
    request = daphne.Request(asking._channel, queued=False)
    request.gotLength(0)
    request.content.close()
    assert deadline.cancelled()


@for_uvicorn
def test_only_the_socket_that_is_full_waits() -> None:
    protocol = import_module("realtime.servers.lending_uvicorn").WebSocketProtocol
    one, other = object.__new__(protocol), object.__new__(protocol)
    for each in (one, other):
        each.writable = import_module("realtime.servers.lending_uvicorn").WRITABLE
    one.pause_writing()
    full = one.writable
    assert (full.is_set(), other.writable.is_set()) == (False, True)
    one.resume_writing()
    assert full.is_set()
    assert one.writable is other.writable


@for_uvicorn
def test_a_connection_with_too_many_requests_is_aborted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    protocol = import_module("realtime.servers.lending_uvicorn").HttpProtocol
    monkeypatch.setattr(protocol.__base__, "on_headers_complete", lambda _: None, raising=False)
    connection = object.__new__(protocol)
    connection._unanswered = []
    connection.cycle, connection.transport = Mock(), Mock()
    for _ in range(100):
        connection.on_headers_complete()
    assert connection.transport.abort.call_count == 0
    for _ in range(1_000):  # as one read may have
        connection.on_headers_complete()
    assert connection.transport.abort.call_count == 1
