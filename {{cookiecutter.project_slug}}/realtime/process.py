"""What one server process keeps for all of its sockets: the hub, the beat and the sign-in check."""

import asyncio
import logging
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


class Person:
    """What the sockets of one person share."""

    def __init__(self) -> None:
        self.sockets = 0
        self.bucket = TokenBucket(limits().user_frames_per_second, limits().user_frames_burst)


class Process:
    """The engine's state in one process. Belongs to one event loop."""

    def __init__(self) -> None:
        self.hub = Hub(on_gap=self.beat, on_control=self._control)
        self.connections: set[Connection] = set()
        self.people: dict[int, Person] = {}
        self.draining = False
        self._empty = asyncio.Event()
        self._empty.set()
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

    async def check_sign_ins(self, user_id: int | None = None) -> None:
        """Close the sockets whose sign-in has ended: of one person, or of everyone."""
        from realtime.revocation import signed_out

        connections = [c for c in self.connections if user_id is None or c.user_id == user_id]
        if connections:
            for connection in await in_database(signed_out, connections):
                connection.socket.close(CloseCode.UNAUTHENTICATED, "You are signed out.")

    async def drain(self) -> None:
        """Turn new sockets away and close the open ones, spread over `drain_seconds`."""
        self.draining = True
        open_now = list(self.connections)
        pause = limits().drain_seconds / max(len(open_now), 1)
        for connection in open_now:
            connection.socket.close(CloseCode.RESTART, "The server restarts.")
            await asyncio.sleep(pause)
        await self._empty.wait()

    async def _keep_time(self) -> None:
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + limits().heartbeat_seconds
        check_at = loop.time() + limits().check_seconds
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._close_idle(loop.time() - limits().idle_seconds)
            try:
                if loop.time() >= beat_at:
                    beat_at = loop.time() + limits().heartbeat_seconds
                    await self.beat()
                if loop.time() >= check_at:
                    check_at = loop.time() + limits().check_seconds
                    await self.check_sign_ins()
            except Exception as error:  # the database is away; the next tick tries again
                logger.warning("The engine's periodic work failed: %s", error)

    def _close_idle(self, since: float) -> None:
        for connection in self.connections:
            if connection.last_heard < since:
                connection.socket.close(CloseCode.GOING_AWAY, "Nothing came from you for long.")

    async def _control(self, message: LayerMessage) -> None:
        match message["type"]:
            case "realtime.events":
                for audience, text in message["events"]:
                    self.hub.deliver(audience, text)
            case "realtime.dismiss":
                for subscriber in self.hub.subscribers(message["audience"]):
                    if subscriber.user_id == message["user_id"]:
                        code = CloseCode(message["code"])
                        subscriber.dismiss(message["audience"], code, message["reason"])
            case "realtime.sign_out":
                session_key = message["session_key"]
                for connection in self.connections:
                    if connection.user_id == message["user_id"] and session_key in (
                        None,
                        connection.session_key,
                    ):
                        connection.socket.close(CloseCode.UNAUTHENTICATED, "You are signed out.")
            case "realtime.recheck":
                try:
                    await self.check_sign_ins(message["user_id"])
                except Exception as error:  # the periodic check comes to it
                    logger.warning("A sign-in could not be checked: %s", error)


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
