"""What a server process keeps for all of its sockets: the hub, the beat and the sign-in check."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from threading import get_ident
from typing import ParamSpec

from django.dispatch import Signal

from realtime import metrics
from realtime.asgi import Receive, Scope, Send
from realtime.conf import limits
from realtime.database import in_database
from realtime.delivery import hearing
from realtime.delivery.connection import Connection, Person
from realtime.delivery.hub import Hub, LayerMessage
from realtime.protocol import CloseCode, encode
from realtime.sessions import signed_out
from realtime.topics import latest_revisions

logger = logging.getLogger(__name__)

P = ParamSpec("P")

TICK_SECONDS = 1.0
RECHECK_SECONDS = 1.0  # after a sign-out; by then a socket that was being admitted is known
EMPTY_POLL_SECONDS = 0.05
WATCH_SECONDS = 3.0  # for how long one `publishing.watch` asks


engine_started = Signal()
"""Sent in a process that serves, once its engine runs."""


class Routine:
    """Work that is done every so often, and at the next tick where it is `due` or has failed."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self.due_at = 0.0

    async def do_if_due(self, seconds: float) -> None:
        """Do the work if it is due, and let it be due again in so many seconds."""
        now = asyncio.get_running_loop().time()
        if now < self.due_at:
            return
        self.due_at = now + seconds  # first: meanwhile there may be a reason to do it again
        try:
            await self._work()
        except Exception as error:  # the database is away
            self.due_at = 0.0
            logger.warning("The engine's periodic work failed: %s", error)


class Engine:
    """The state of one process. Belongs to one event loop."""

    def __init__(self) -> None:
        self.hub = Hub(on_gap=self._on_gap, on_control=self._control)
        self.gaps = 0
        """How often messages of the layer may have been lost."""
        self._thread = get_ident()
        self.connections: set[Connection] = set()
        self.people: dict[int, Person] = {}
        self.draining = False
        self.at_stop: list[Callable[[], Awaitable[None]]] = []
        """What else ends with the engine, before it leaves the layer."""
        self.every_second: list[Routine] = []
        """What else is done once a second; what fails is logged, and done again the next time."""
        self.watched_until = 0.0
        """Until when, by the loop's clock, somebody watches the processes: `publishing.watch`."""
        self._beat = Routine(self.beat)
        self._check = Routine(self.check)
        self._recheck = Routine(self._close_suspects)
        self._suspects: set[int] = set()  # people whose sign-in may have ended
        self._due = asyncio.Event()
        self._clock: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.hub.start()
        self._clock = asyncio.get_running_loop().create_task(self._keep_time())

    async def stop(self) -> None:
        """End every task of the engine; the server closes the sockets."""
        if self._clock is not None:
            self._clock.cancel()
            with suppress(asyncio.CancelledError):
                await self._clock
        for stop in self.at_stop:
            await stop()
        await self.hub.stop()

    def call(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call `function` in the engine's event loop: at once in its thread, soon from another."""
        if get_ident() == self._thread:
            function(*args, **kwargs)
        else:
            self.hub.loop.call_soon_threadsafe(partial(function, *args, **kwargs))

    def sockets_of(self, user_id: int) -> int:
        """How many sockets a person has open in this process."""
        return self.people[user_id].sockets if user_id in self.people else 0

    def add(self, connection: Connection) -> None:
        """Count a socket, and include it in drains and checks, until `remove`."""
        connection.person = self.people.setdefault(connection.user_id, Person())
        connection.person.sockets += 1
        self.connections.add(connection)

    def remove(self, connection: Connection) -> None:
        self.connections.remove(connection)
        connection.person.sockets -= 1

    def forget_people(self) -> None:
        """Forget who has no socket, and has not just sent much: HTTP is a socket a request."""
        for user_id, person in list(self.people.items()):
            if not person.sockets and person.bucket.is_full:
                del self.people[user_id]

    def measure(self) -> None:
        """Set the gauges of what is open now."""
        waiting = [connection.socket.waiting_bytes for connection in self.connections]
        metrics.sockets.set(len(waiting))
        metrics.people.set(sum(person.sockets > 0 for person in self.people.values()))
        metrics.groups.set(len(list(self.hub.groups)))
        metrics.outbox_bytes.set(sum(waiting))
        metrics.outbox_most_bytes.set(max(waiting, default=0))
        metrics.layer_up.set(self.hub.answering.is_set())
        metrics.draining.set(self.draining)

    async def drain(self) -> None:
        """Refuse new sockets, close the open ones, and wait for the commands that are under way.

        All are closed at once, as when a process is killed: clients spread their return themselves.
        """
        self.draining = True
        for connection in list(self.connections):
            connection.socket.close(CloseCode.RESTART, "The server restarts.")
        with suppress(TimeoutError):
            async with asyncio.timeout(limits().drain_seconds):
                while self.connections:
                    await asyncio.sleep(EMPTY_POLL_SECONDS)

    # Periodic work

    async def beat(self) -> None:
        """Send every topic's latest revision to its sockets, which shows them what they missed."""
        groups = list(self.hub.groups)
        for group, topic, rev in await in_database(lambda: list(latest_revisions(groups))):
            self.hub.deliver(group, encode(topic, "heartbeat", {}, rev))
        metrics.heartbeats.inc()

    async def check(self) -> None:
        """Close what is signed out, and compare what is heard with what may be heard."""
        await self._close_signed_out(self.connections)
        await hearing.compare(self.hub)

    def check_after(self, gaps: int) -> None:
        """Check soon, if there were more gaps than `gaps` before: what was read may be outdated."""
        if self.gaps != gaps:
            self._check.due_at = 0.0
            self._due.set()

    async def _keep_time(self) -> None:
        now = asyncio.get_running_loop().time
        self._beat.due_at = now() + limits().heartbeat_seconds
        self._check.due_at = now() + limits().check_seconds
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._due.wait()
            self._due.clear()
            self.forget_people()
            self.measure()
            for connection in self.connections:
                if connection.last_heard < now() - limits().idle_seconds:
                    connection.socket.close(CloseCode.GOING_AWAY, "Nothing came from you for long.")
            for routine in self.every_second:
                await routine.do_if_due(TICK_SECONDS)
            await self._recheck.do_if_due(0)
            await self._check.do_if_due(limits().check_seconds)
            await self._beat.do_if_due(limits().heartbeat_seconds)

    def _on_gap(self) -> None:
        self.gaps += 1
        self._check.due_at = self._beat.due_at = 0.0
        self._due.set()

    async def _close_suspects(self) -> None:
        suspects, self._suspects = self._suspects, set()
        try:
            await self._close_signed_out(c for c in self.connections if c.user_id in suspects)
        except Exception:
            self._suspects |= suspects
            raise

    async def _close_signed_out(self, suspects: Iterable[Connection]) -> None:
        connections = list(suspects)
        if connections:
            for connection in await in_database(signed_out, connections):
                connection.socket.close(CloseCode.UNAUTHENTICATED, "You are signed out.")

    def _suspect(self, user_id: int) -> None:
        self._suspects.add(user_id)
        self._due.set()

    # What `publishing` sends besides events

    def _control(self, message: LayerMessage) -> None:
        match message["type"]:
            case "realtime.events":
                for group, text in message["events"]:
                    self.hub.deliver(group, text)
            case "realtime.dismiss":
                code, reason = CloseCode(message["code"]), message["reason"]
                for subscriber in self.hub.subscribers(message["group"]):
                    if subscriber.user_id == message["user_id"]:
                        self.hub.dismiss(message["group"], subscriber, code, reason)
            case "realtime.sign_out":
                user_id, session_key = message["user_id"], message["session_key"]
                for connection in self.connections:
                    if connection.user_id == user_id and (
                        session_key in (None, connection.session_key)
                    ):
                        connection.socket.close(CloseCode.UNAUTHENTICATED, "You are signed out.")
                self.hub.loop.call_later(RECHECK_SECONDS, self._suspect, user_id)
            case "realtime.watch":
                self.watched_until = self.hub.loop.time() + WATCH_SECONDS
            case "realtime.recheck":  # twice, since the session may be ending only now
                self._suspect(message["user_id"])
                self.hub.loop.call_later(RECHECK_SECONDS, self._suspect, message["user_id"])


_engine: Engine | None = None


def running_engine() -> Engine | None:
    """The process's engine, from any thread; None where no socket was ever served."""
    if _engine is not None and _engine.hub.loop.is_running():
        return _engine
    return None


def this_engine() -> Engine:
    """The engine of the running event loop, started on first use."""
    global _engine
    if _engine is None or _engine.hub.loop is not asyncio.get_running_loop():
        _engine = Engine()
        _engine.start()
        engine_started.send(Engine)
    return _engine


async def stop_engine() -> None:
    """End the engine of the running event loop, where there is one."""
    global _engine
    if _engine is not None and _engine.hub.loop is asyncio.get_running_loop():
        engine, _engine = _engine, None
        await engine.stop()


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI lifespan: start the engine before the first request, and stop it after the last."""
    await receive()
    this_engine()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await stop_engine()
    await send({"type": "lifespan.shutdown.complete"})
