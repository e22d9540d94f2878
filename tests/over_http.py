"""A client of one feed over HTTP that keeps the promise of `RoomClient`."""

import asyncio
import json
import os
import subprocess
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from tests.background import Background
from tests.wire import ANSWER_SECONDS, Json, RoomClient

FRAMES = "/api/realtime/frames"
LONGEST_SECONDS = 30


async def exchange(
    server: str, session: str, frames: list[Json], query: str = ""
) -> AsyncIterator[str]:
    """The lines that answer a request with these frames.

    Raises:
        OSError, EOFError: the server is gone.
    """
    body = "\n".join(map(json.dumps, frames))
    head = f"POST {FRAMES}{query} HTTP/1.1\r\nContent-Length: {len(body)}\r\n"
    async for line in lines_of(server, session, head, body):
        yield line


async def lines_of(server: str, session: str, head: str, body: str = "") -> AsyncIterator[str]:
    """The lines of the response to a request; `head` is its beginning.

    Raises:
        OSError, EOFError: the server is gone.
    """
    place = urlsplit(server).netloc
    host, _, port = place.partition(":")
    head += (
        f"Host: {place}\r\nOrigin: http://{place}\r\n"
        f"Cookie: parlour_sessionid={session}\r\nConnection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 24)
    try:
        writer.write((head + body).encode())
        text = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        chunked = "transfer-encoding: chunked" in text
        waiting = ""
        while data := await (_chunk(reader) if chunked else reader.read(65_536)):
            *lines, waiting = (waiting + data.decode()).split("\n")
            for line in lines:
                if line:
                    yield line
    finally:
        writer.close()


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:-2]


class OverHttp:
    """As much of a WebSocket as `RoomClient` uses."""

    def __init__(self, client: "HttpRoomClient") -> None:
        self._client = client
        self._frames: asyncio.Queue[str | int] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._start(self._hear)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def recv(self) -> str:
        frame = await self._frames.get()
        if isinstance(frame, int):
            raise ConnectionClosedError(Close(frame, ""), None) if frame != 1006 else EOFError
        return frame

    async def send(self, text: str) -> None:
        self._start(self._command, json.loads(text))

    def _start(self, work: Callable[..., Awaitable[None]], *args: Json) -> None:
        task = asyncio.create_task(self._until_lost(work, *args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _until_lost(self, work: Callable[..., Awaitable[None]], *args: Json) -> None:
        try:
            await work(*args)
        except (OSError, EOFError, TimeoutError, ValueError):
            self._frames.put_nowait(1006)

    async def _hear(self) -> None:
        digest = ""
        while True:
            query = f"?wait=25&known={digest}" if self._client.polls else ""
            async for line in self._ask([self._join()], query):
                frame = json.loads(line)
                if frame.get("id") == "join" and frame["type"] == "ok":
                    continue
                self._frames.put_nowait(line)

    async def _command(self, frame: Json) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            async for line in self._ask([self._join(), frame], "?wait=10"):
                answer = json.loads(line)
                if answer.get("id") == frame["id"] or answer["type"] in ("changes", "reset"):
                    self._frames.put_nowait(line)

    async def _ask(self, frames: list[Json], query: str) -> AsyncIterator[str]:
        client = self._client
        count = 0
        async for line in exchange(client.place_of_request(), client._session, frames, query):
            frame = json.loads(line)
            count += 1
            if frame["topic"] is None:
                self._frames.put_nowait(frame["data"]["code"])
                return
            yield line
        if not count and not client.polls:
            raise EOFError

    def _join(self) -> Json:
        client = self._client
        return {"id": "join", "topic": client.topic, "type": "join", "data": client._place()}


class HttpRoomClient(RoomClient):
    """One person in one room, over HTTP."""

    polls = False

    def __init__(self, *arguments: Any, **options: Any) -> None:  # Any: those of `RoomClient`
        super().__init__(*arguments, **options | {"shared": False})

    def place_of_request(self) -> str:
        """The server that the next request goes to."""
        return self.servers[0]

    def _opening(self) -> Any:  # Any: as `connect` of `websockets`
        return OverHttp(self)


class PollingRoomClient(HttpRoomClient):
    polls = True


class RoamingRoomClient(PollingRoomClient):
    """Sends each request to another server, as a balancer without memory does."""

    def place_of_request(self) -> str:
        self.servers.rotate(-1)
        return self.servers[0]


class EventReader(Background):
    """Reads a room as server-sent events, from one server and after each loss from the next."""

    def __init__(self, servers: Sequence[str], room: str, session: str) -> None:
        super().__init__(self._read)
        self.servers = deque(servers)
        self.place = ""
        self.revs: list[int] = []
        self.losses = 0
        self._path = f"/api/realtime/topics/chat:{room}"
        self._session = session

    async def _read(self) -> None:
        while True:
            with suppress(OSError, EOFError, ValueError):
                await self._follow()
            self.losses += 1
            self.servers.rotate(-1)
            await asyncio.sleep(0.1)

    async def _follow(self) -> None:
        head = f"GET {self._path} HTTP/1.1\r\nLast-Event-ID: {self.place}\r\n"
        async for line in lines_of(self.servers[0], self._session, head):
            field, _, value = line.partition(": ")
            if field == "id":
                self.place = value
            elif field == "data":
                self._take(json.loads(value))

    def _take(self, frame: Json) -> None:
        if frame["type"] == "changes":
            self.revs += [message["rev"] for message in frame["data"]["messages"]]
        elif frame["type"] in RoomClient.events:
            self.revs.append(frame["rev"])


@contextmanager
def printed(command: list[str], **environment: str) -> Iterator[Iterator[Json]]:
    """The frames that a command prints, of either kind of response; it ends in the end."""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | environment,
    ) as process:
        timer = threading.Timer(LONGEST_SECONDS, process.kill)
        timer.start()
        try:
            yield _frames(process)
        finally:
            timer.cancel()
            process.kill()


def words(frames: Iterator[Json]) -> str:
    """What the next message says."""
    while (frame := next(frames))["type"] != "message.created":
        pass
    body: str = frame["data"]["body"]
    return body


def _frames(process: subprocess.Popen[str]) -> Iterator[Json]:
    assert process.stdout
    for line in process.stdout:
        text = line.removeprefix("data: ").strip()
        if text.startswith("{"):
            yield json.loads(text)
