"""What one server process keeps for all of its sockets: the hub, the beat and the sign-in check."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from realtime import stats
from realtime.bucket import TokenBucket
from realtime.conf import limits
from realtime.database import in_database
from realtime.heads import current_heads
from realtime.hub import Hub, LayerMessage
from realtime.protocol import CloseCode, encode_event

if TYPE_CHECKING:
    from realtime.gateway import Connection

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
UNFINISHED_SECONDS = 5.0  # how long a drain waits for commands that are under way


class Person:
    """What the sockets of one person share."""

    def __init__(self) -> None:
        self.sockets = 0
        self.bucket = TokenBucket(limits().user_frames_per_second, limits().user_frames_burst)


class Process:
    """The engine's state in one process. Belongs to one event loop."""

    def __init__(self) -> None:
        self.hub = Hub(on_gap=self._beat_soon, on_control=self._control)
        self.connections: set[Connection] = set()
        self.people: dict[int, Person] = {}
        self.draining = False
        self._empty = asyncio.Event()
        self._empty.set()
        self._beat_at = self._check_at = 0.0
        self._suspects: set[int] = set()  # people whose sign-in may have ended
        self._due = asyncio.Event()
        self._clock: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.hub.start()
        self._clock = asyncio.get_running_loop().create_task(self._keep_time())

    async def stop(self) -> None:
        """End every task of the process; its sockets are the server's to close."""
        if self._clock is not None:
            self._clock.cancel()
            with suppress(asyncio.CancelledError):
                await self._clock
        await self.hub.stop()

    def sockets_of(self, user_id: int) -> int:
        """How many sockets a person has open in this process."""
        return self.people[user_id].sockets if user_id in self.people else 0

    def add(self, connection: "Connection") -> "Person":
        """Count a socket in; returns what the sockets of its person share."""
        self.connections.add(connection)
        self._empty.clear()
        person = self.people.setdefault(connection.user_id, Person())
        person.sockets += 1
        return person

    def remove(self, connection: "Connection") -> None:
        self.connections.remove(connection)
        if not self.connections:
            self._empty.set()
        person = self.people[connection.user_id]
        person.sockets -= 1
        if not person.sockets:
            del self.people[connection.user_id]

    async def beat(self) -> None:
        """Tell every topic's sockets its head revision, so that they see what they missed."""
        for audience, topic, head in await in_database(current_heads, list(self.hub.audiences)):
            self.hub.deliver(audience, encode_event(topic, "heartbeat", {}, head))
        stats.heartbeats.value += 1

    async def drain(self) -> None:
        """Turn new sockets away and close the open ones, spread over `drain_seconds`."""
        self.draining = True
        now = asyncio.get_running_loop().time
        began_at = now()
        open_now = list(self.connections)
        for number, connection in enumerate(open_now, start=1):
            connection.socket.close(CloseCode.RESTART, "The server restarts.")
            next_at = began_at + limits().drain_seconds * number / len(open_now)
            await asyncio.sleep(max(0.0, next_at - now()))
        with suppress(TimeoutError):
            async with asyncio.timeout(UNFINISHED_SECONDS):
                await self._empty.wait()

    async def _keep_time(self) -> None:
        now = asyncio.get_running_loop().time
        self._beat_at = now() + limits().heartbeat_seconds
        self._check_at = now() + limits().check_seconds
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._due.wait()
            self._due.clear()
            self._close_idle(now() - limits().idle_seconds)
            try:
                await self._do_what_is_due(now())
            except Exception as error:  # the database is away; the next tick tries again
                logger.warning("The engine's periodic work failed: %s", error)

    async def _do_what_is_due(self, now: float) -> None:
        if now >= self._beat_at:
            await self.beat()
            self._beat_at = now + limits().heartbeat_seconds
        if now >= self._check_at:
            await self._close_signed_out(self.connections)
            self._check_at = now + limits().check_seconds
            self._suspects.clear()
        while self._suspects:
            user_id = next(iter(self._suspects))
            await self._close_signed_out(c for c in self.connections if c.user_id == user_id)
            self._suspects.discard(user_id)

    def _beat_soon(self) -> None:
        self._beat_at = 0.0
        self._due.set()

    async def _close_signed_out(self, suspects: "Iterable[Connection]") -> None:
        from realtime.revocation import signed_out  # which publishes, and so stands on this module

        connections = list(suspects)
        if connections:
            for connection in await in_database(signed_out, connections):
                connection.socket.close(CloseCode.UNAUTHENTICATED, "You are signed out.")

    def _close_idle(self, since: float) -> None:
        for connection in self.connections:
            if connection.last_heard < since:
                connection.socket.close(CloseCode.GOING_AWAY, "Nothing came from you for long.")

    def _control(self, message: LayerMessage) -> None:
        match message["type"]:
            case "realtime.events":
                for audience, text in message["events"]:
                    self.hub.deliver(audience, text)
            case "realtime.dismiss":
                code, reason = CloseCode(message["code"]), message["reason"]
                for subscriber in self.hub.subscribers(message["audience"]):
                    if subscriber.user_id == message["user_id"]:
                        subscriber.dismiss(message["audience"], code, reason)
            case "realtime.sign_out":
                self._sign_out(message["user_id"], message["session_key"])
            case "realtime.recheck":
                self._suspects.add(message["user_id"])
                self._due.set()

    def _sign_out(self, user_id: int, session_key: str | None) -> None:
        for connection in self.connections:
            if connection.user_id == user_id and session_key in (None, connection.session_key):
                connection.socket.close(CloseCode.UNAUTHENTICATED, "You are signed out.")


_process: Process | None = None


def running_process() -> Process | None:
    """The process's engine, from any thread; None where no socket was ever served."""
    if _process is not None and _process.hub.loop.is_running():
        return _process
    return None


def this_process() -> Process:
    """The engine of the running event loop, started on first use."""
    global _process
    if _process is None or _process.hub.loop is not asyncio.get_running_loop():
        _process = Process()
        _process.start()
    return _process


async def stop_process() -> None:
    """End the engine of the running event loop, where there is one."""
    global _process
    if _process is not None and _process.hub.loop is asyncio.get_running_loop():
        process, _process = _process, None
        await process.stop()
