"""Sockets that read slowly, or not at all."""

import asyncio

import pytest
from pytest_django import Settings

from realtime.asgi import Message
from realtime.delivery.socket import Frame, Socket
from realtime.protocol import CloseCode
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


async def test_a_server_may_answer_send_with_any_awaitable(client: Client) -> None:
    client.reading.set()

    def send(message: Message) -> asyncio.Future[None]:
        return asyncio.ensure_future(client.send(message))

    socket = Socket(send)
    for number in range(3):
        socket.write(Frame(str(number)))
    await until(lambda: client.received == ["0", "1", "2"])
    assert socket.closing is None


async def test_each_client_is_sent_to_in_a_task_of_its_own(client: Client) -> None:
    tasks: list[object] = []

    async def send(message: Message) -> None:
        async with asyncio.timeout(1):  # it would end the task that it is in, whoever's that is
            await asyncio.sleep(0)
            tasks.append(asyncio.current_task())

    sockets = [Socket(send), Socket(send)]
    for each in sockets:
        asyncio.get_running_loop().call_soon(each.write, Frame("a"))
    await until(lambda: len(tasks) == 2)
    assert len({*tasks, asyncio.current_task()}) == 3
    assert [each.closing for each in sockets] == [None, None]


@pytest.mark.parametrize(
    ("code", "sent"), [(CloseCode.TOO_BIG, [1009, 4009]), (CloseCode.FORBIDDEN, [4403])]
)
async def test_a_code_that_the_server_refuses_is_sent_as_a_private_one(
    code: CloseCode, sent: list[int]
) -> None:
    codes: list[int] = []

    async def send(message: Message) -> None:
        if message["type"] == "websocket.close":
            codes.append(message["code"])
            if message["code"] < 3000:
                raise ValueError("invalid close code")

    socket = Socket(send)
    await socket.accept({"type": "websocket.accept"})
    socket.close(code, "")
    await socket.finish()
    assert codes == sent


async def test_a_reason_is_as_long_as_a_close_frame_takes(client: Client) -> None:
    socket = Socket(client.send)
    socket.close(CloseCode.FORBIDDEN, "ü" * 100)
    await socket.finish()
    assert client.close is not None
    assert client.close["reason"] == "ü" * 61


@pytest.mark.parametrize("late", [True, False])
async def test_a_server_that_has_lost_the_client_may_say_so_when_it_is_closed(late: bool) -> None:
    async def fail(message: Message) -> None:
        raise OSError("gone")

    def fail_at_once(message: Message) -> asyncio.Future[None]:
        raise OSError("gone")

    socket = Socket(fail if late else fail_at_once)
    socket.close(CloseCode.FORBIDDEN, "")
    await socket.finish()
    assert not socket.is_open


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
    if lent:
        assert wire.written == [b"\x81\x011\x81\x012"]
    else:
        await until(lambda: client.received == ["1", "2"])


@pytest.mark.parametrize("bound", [{"OUTBOX_FRAMES": 10}, {"OUTBOX_BYTES": 50}])
async def test_a_full_outbox_closes_with_4008(
    client: Client, settings: Settings, bound: dict[str, int]
) -> None:
    settings.REALTIME = bound
    socket = Socket(client.send)
    told: list[bool] = []
    socket.on_close = lambda: told.append(True)
    for _ in range(15):
        socket.write(Frame("🐌"))  # 4 bytes
    assert told == [True]
    await socket.finish()
    assert client.close is not None
    assert client.close["code"] == CloseCode.TOO_SLOW


async def test_a_lent_transport_gets_websocket_frames(client: Client) -> None:
    wire = Wire()
    socket = Socket(client.send, wire)
    for size in (1, 200, 70_000):
        socket.write(Frame("x" * size))
        await until(lambda: not socket.waiting_bytes)
    heads = [b"\x81\x01", b"\x81\x7e\x00\xc8", b"\x81\x7f\x00\x00\x00\x00\x00\x01\x11\x70"]
    sizes = (1, 200, 70_000)
    assert wire.written == [h + b"x" * size for h, size in zip(heads, sizes, strict=True)]


async def test_a_lent_transport_is_written_to_twice_in_a_turn_of_the_loop(client: Client) -> None:
    wire = Wire()
    socket = Socket(client.send, wire)
    for text in ("1", "2", "3"):
        socket.write(Frame(text))
    assert wire.written == [b"\x81\x011"]
    assert socket.waiting_bytes == 6
    await until(lambda: not socket.waiting_bytes)
    socket.write(Frame("4"))
    assert wire.written == [b"\x81\x011", b"\x81\x012\x81\x013", b"\x81\x014"]


async def test_what_a_turn_keeps_goes_before_the_close_and_never_after_the_end(
    client: Client,
) -> None:
    wires = [Wire(), Wire()]
    closed, left = (Socket(client.send, wire) for wire in wires)
    for text in ("1", "2"):
        closed.write(Frame(text))
        left.write(Frame(text))
    closed.close(CloseCode.NORMAL, "")
    await closed.finish()
    assert wires[0].written == [b"\x81\x011", b"\x81\x012"]
    left.abandon()
    await asyncio.sleep(0)
    assert [wire.written for wire in wires] == [[b"\x81\x011", b"\x81\x012"], [b"\x81\x011"]]


async def test_a_turn_that_brings_much_keeps_little(client: Client) -> None:
    wire = Wire()
    socket = Socket(client.send, wire)
    for _ in range(150):
        socket.write(Frame("x" * 10))
    assert [len(each) for each in wire.written] == [12, 768, 768]
    await until(lambda: not socket.waiting_bytes)
    assert [len(each) for each in wire.written] == [12, 768, 768, 252]


async def test_a_lent_transport_that_is_full_closes_with_4008(
    client: Client, settings: Settings
) -> None:
    settings.REALTIME = {"OUTBOX_BYTES": 100}
    wire = Wire()
    socket = Socket(client.send, wire)
    wire.waiting = 101
    socket.write(Frame("a"))
    assert socket.closing is not None
    assert socket.closing[0] == CloseCode.TOO_SLOW
    assert wire.written == []


async def test_a_client_that_never_reads_is_cut_off_whatever_it_was_closed_for(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.delivery.socket.FINISH_SECONDS", 0.01)
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
