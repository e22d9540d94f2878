"""Sockets that read slowly, or not at all."""

import asyncio

import pytest
from pytest_django import Settings

from realtime.asgi import Message
from realtime.protocol import CloseCode
from realtime.socket import Frame, Socket
from realtime.tests.wires import Wire, until


class Client:
    """The far end of a socket, which takes messages only while it is `reading`."""

    def __init__(self) -> None:
        self.reading = asyncio.Event()
        self.received: list[str] = []
        self.close: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "websocket.accept":
            return
        if message["type"] == "websocket.close":
            self.close = message
            return
        await self.reading.wait()
        self.received.append(message["text"])


@pytest.fixture
async def client() -> Client:
    return Client()


async def test_a_reader_gets_each_frame_before_write_returns(client: Client) -> None:
    client.reading.set()
    socket = Socket(client.send)
    socket.write(Frame("a"))
    assert client.received == ["a"]


async def test_a_slow_reader_gets_every_frame_in_order(client: Client) -> None:
    socket = Socket(client.send)
    for number in range(100):
        socket.write(Frame(str(number)))
    assert client.received == []
    client.reading.set()
    await until(lambda: len(client.received) == 100)
    assert client.received == [str(number) for number in range(100)]


@pytest.mark.parametrize("lent", [True, False])
async def test_frames_in_a_row_come_in_order(client: Client, lent: bool) -> None:
    client.reading.set()
    wire = Wire()
    Socket(client.send, wire if lent else None).write(Frame("1", "2"))
    assert (wire.written if lent else client.received) == (
        [b"\x81\x011\x81\x012"] if lent else ["1", "2"]
    )


@pytest.mark.parametrize("bound", [{"OUTBOX_FRAMES": 10}, {"OUTBOX_BYTES": 50}])
async def test_a_full_outbox_closes_with_4008(
    client: Client, settings: Settings, bound: dict[str, int]
) -> None:
    settings.REALTIME = bound
    socket = Socket(client.send)
    told: list[bool] = []
    socket.on_close = lambda: told.append(True)
    for _ in range(30):
        socket.write(Frame("text"))
    assert told == [True]
    await socket.finish()
    assert client.close is not None
    assert client.close["code"] == CloseCode.TOO_SLOW


async def test_a_lent_transport_is_written_to_at_once_as_a_websocket_frame(client: Client) -> None:
    wire = Wire()
    socket = Socket(client.send, wire)
    for size in (1, 200, 70_000):
        socket.write(Frame("x" * size))
    heads = [b"\x81\x01", b"\x81\x7e\x00\xc8", b"\x81\x7f\x00\x00\x00\x00\x00\x01\x11\x70"]
    sizes = (1, 200, 70_000)
    assert wire.written == [h + b"x" * size for h, size in zip(heads, sizes, strict=True)]


@pytest.mark.parametrize("held", [True, False])
async def test_a_lent_transport_that_is_full_closes_with_4008(
    client: Client, settings: Settings, held: bool
) -> None:
    settings.REALTIME = {"OUTBOX_BYTES": 100}
    wire = Wire()
    socket = Socket(client.send, wire)
    if held:
        socket.hold("another topic")
    wire.waiting = 101
    socket.write(Frame("a"))
    assert socket.closing is not None
    assert socket.closing[0] == CloseCode.TOO_SLOW
    assert wire.written == []


async def test_a_client_that_never_reads_is_cut_off_whatever_it_was_closed_for(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.socket.FINISH_SECONDS", 0.01)
    wire = Wire()
    socket = Socket(client.send, wire)
    socket.close(CloseCode.FLOODING, "")
    await socket.finish()
    await until(wire.is_closing)


@pytest.mark.parametrize("gone", [True, False])
async def test_who_writes_much_waits_for_the_client_unless_it_is_gone(
    client: Client, gone: bool
) -> None:
    wire = Wire()
    wire.waiting = 1_000_000
    waiting = asyncio.create_task(Socket(client.send, wire).drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    wire.closing, wire.waiting = gone, wire.waiting if gone else 0
    async with asyncio.timeout(1):
        assert await waiting is not gone


async def test_a_lost_transport_is_not_written_to(client: Client) -> None:
    wire = Wire()
    wire.closing = True
    Socket(client.send, wire).write(Frame("a"))
    assert wire.written == []


@pytest.mark.parametrize("lent", [True, False])
async def test_held_frames_come_on_release_in_order(client: Client, lent: bool) -> None:
    client.reading.set()
    wire = Wire()
    socket = Socket(client.send, wire if lent else None)
    socket.hold("a")
    socket.write(Frame("1", topic="a"))
    socket.write(Frame("2", topic="b"))
    socket.release("a")
    socket.write(Frame("3", topic="a"))
    texts = [data[2:].decode() for data in wire.written] if lent else client.received
    assert texts == ["2", "1", "3"]


async def test_what_two_hold_comes_when_both_have_released(client: Client) -> None:
    client.reading.set()
    socket = Socket(client.send)
    socket.hold("a")
    socket.hold("a")
    socket.write(Frame("1", topic="a"))
    socket.release("a")
    assert client.received == []
    socket.release("a")
    assert client.received == ["1"]
