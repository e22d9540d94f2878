"""Interface servers: what runs an ASGI application for a protocol that no web server speaks.

docs/interfaces.md has a complete one.
"""

import asyncio
import logging
import random
import signal
from collections import deque
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir
from typing import Any, ClassVar

from channels.routing import get_default_application
from django.core.management.base import BaseCommand
from redis.exceptions import RedisError

from realtime.asgi import Application, Message, Scope
from realtime.database import is_away

logger = logging.getLogger(__name__)

MOST_CONVERSATIONS = 1_000
IDLE_SECONDS = 600.0
ACKNOWLEDGE_SECONDS = 1.0  # for the last event's acknowledgement, in a process that stops
FIRST_PAUSE_SECONDS = 1.0  # before it connects again; then twice as long each time
LONGEST_PAUSE_SECONDS = 30.0
PULSE_SECONDS = 10.0


class Away(Exception):
    """The other side cannot be talked to; the text says why, and what to do."""


def is_service_away(error: Exception) -> bool:
    """Whether an event that failed so is to be tried again, since a service is away."""
    return isinstance(error, Away | OSError | RedisError) or is_away(error)


class InterfaceServer:
    """Runs an ASGI application for a protocol: an instance of it for each conversation.

    Equal scopes are one conversation. It ends, by being cancelled between two events, when nothing
    has come for `IDLE_SECONDS`, or there are `MOST_CONVERSATIONS` that were used since.

    A subclass takes what comes from the other side in `run`, hands it to `deliver`, and
    acknowledges it when that returns: what was acknowledged is committed, the rest comes again.
    Channels' consumers fit as they are.

    `asgiref.server.StatelessServer`, on which Channels' `runworker` stands, keeps instances too,
    but never learns whether an event was handled, and may cancel one in the middle of it.
    """

    protocol: ClassVar[str]
    """The type of its scopes: `ProtocolTypeRouter` has the application under it."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self._conversations: dict[tuple[Any, ...], _Conversation] = {}
        """By their scopes; the longest unused comes first."""
        self._connected_at = float("inf")
        self._pause = FIRST_PAUSE_SECONDS
        self._last_logged = ""
        self._stopping = False

    async def run(self) -> None:
        """Connect, call `connected`, and deliver what comes, until cancelled.

        Raises:
            OSError, Away: the other side is away. `run` is called again after a pause.
        """
        raise NotImplementedError

    async def send(self, scope: Scope, message: Message) -> None:
        """Send to the other side what the application sends in this conversation."""
        raise NotImplementedError

    def connected(self) -> None:
        """Say in the log that the other side is there."""
        self._connected_at = asyncio.get_running_loop().time()
        self._last_logged = ""
        logger.info("%s is connected.", self.protocol)

    async def deliver(self, scope: Scope, event: Message) -> None:
        """Hand `event` to its conversation, and return when the application has handled it.

        It has when it asks for its next event, or returns. In a process that is stopped meanwhile
        this returns nevertheless, so that the event is acknowledged, and raises at the next one.

        Raises:
            Exception: what the application raised; the event is not to be acknowledged.
        """
        if self._stopping:
            raise asyncio.CancelledError
        handled = asyncio.ensure_future(self._deliver(scope, event))
        while not handled.done():
            try:
                await asyncio.wait([handled])
            except asyncio.CancelledError:
                if self._stopping:  # somebody presses Ctrl-C again
                    raise
                self._stopping = True
        if self._stopping and (task := asyncio.current_task()):
            task.uncancel()
            asyncio.get_running_loop().call_later(ACKNOWLEDGE_SECONDS, task.cancel)
        handled.result()

    async def serve(self, alive: Path) -> None:
        """Run until cancelled, and again whenever the other side was away.

        Args:
            alive: a file that is touched as long as no event hangs; see `operations.probe`.
        """
        self._show_life(alive)
        while True:
            try:
                await self.run()
                self._log_failure(Away("the connection was closed."))
            except Exception as error:
                self._log_failure(error)
            await asyncio.sleep(self._pause * random.uniform(0.5, 1))
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)

    async def _deliver(self, scope: Scope, event: Message) -> None:
        key = tuple(sorted(scope.items()))
        for _ in range(2):  # an instance may have returned before it took the event
            conversation = self._conversations.pop(key, None)
            if conversation is None or conversation.task.done():
                conversation = _Conversation(self, scope)
            self._end_unused()
            self._conversations[key] = conversation
            if await conversation.handle(event):
                return
        raise RuntimeError(f"The application returned without taking {event['type']}.")

    def _end_unused(self) -> None:
        old = asyncio.get_running_loop().time() - IDLE_SECONDS
        for key, each in list(self._conversations.items()):
            if each.used_at > old and len(self._conversations) < MOST_CONVERSATIONS:
                break
            if not each.unhandled:
                each.task.cancel()
                del self._conversations[key]

    def _log_failure(self, error: Exception) -> None:
        """Log why it does not run, once, and with a traceback only where that helps."""
        if asyncio.get_running_loop().time() - self._connected_at > self._pause:
            self._pause = FIRST_PAUSE_SECONDS
        self._connected_at = float("inf")
        said = "away" if isinstance(error, OSError) else _text(error)
        if said != self._last_logged:  # of an outage, one line
            self._last_logged = said
            trace = None if is_service_away(error) else error
            text = "%s waits, and tries again: %s"
            logger.warning(text, self.protocol, _text(error), exc_info=trace)

    def _show_life(self, alive: Path) -> None:
        if not any(each.unhandled for each in self._conversations.values()):
            alive.touch()
        asyncio.get_running_loop().call_later(PULSE_SECONDS, self._show_life, alive)


_running: set[asyncio.Task[None]] = set()
"""The event loop alone would not keep the tasks of conversations from the garbage collector."""


class _Conversation:
    """An instance of the application, and the events that it has not handled yet."""

    def __init__(self, server: InterfaceServer, scope: Scope) -> None:
        self.unhandled: deque[asyncio.Future[bool]] = deque()
        self.used_at = 0.0
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._has_taken = False  # the first of them
        self._server, self._scope = server, scope
        self.task = asyncio.create_task(self._run())
        _running.add(self.task)
        self.task.add_done_callback(_running.discard)

    async def handle(self, event: Message) -> bool:
        """Whether the application has handled `event`; not if it returned before it took it."""
        loop = asyncio.get_running_loop()
        self.used_at = loop.time()
        handled: asyncio.Future[bool] = loop.create_future()
        self.unhandled.append(handled)
        self._events.put_nowait(event)
        return await handled

    async def _run(self) -> None:
        try:
            await self._server.application({**self._scope}, self._receive, self._send)
            self._settle()
        except Exception as error:
            if not self.unhandled:
                logger.warning("%s: an instance ended: %s", self._server.protocol, _text(error))
            for each in self.unhandled:
                each.set_exception(error)
        else:
            for each in self.unhandled:
                each.set_result(False)
        finally:
            for each in self.unhandled:
                each.cancel()
            self.unhandled.clear()

    async def _receive(self) -> Message:
        self._settle()
        event = await self._events.get()
        self._has_taken = True
        return event

    async def _send(self, message: Message) -> None:
        await self._server.send(self._scope, message)

    def _settle(self) -> None:
        if self._has_taken:
            self._has_taken = False
            self.unhandled.popleft().set_result(True)


class InterfaceCommand(BaseCommand):
    """`manage.py run<protocol>`: runs an interface server until SIGTERM or SIGINT."""

    server_class: ClassVar[type[InterfaceServer]]

    def make_server(self, application: Application, **options: Any) -> InterfaceServer:
        """The server; what is missing is a `CommandError`."""
        return self.server_class(application)

    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        from realtime.tasks.worker import start_in_web  # it has models; settings import this module

        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job ignores it
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        with suppress(KeyboardInterrupt):
            server = self.make_server(get_default_application(), **options)
            start_in_web()  # where processes that serve run tasks, this does too
            asyncio.run(server.serve(Path(gettempdir(), f"{server.protocol}-worker")))


def _text(error: Exception) -> str:
    name = type(error).__name__
    return str(error) or name if isinstance(error, Away | OSError) else f"{name} {error}"
