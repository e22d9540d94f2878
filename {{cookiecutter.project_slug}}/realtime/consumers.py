"""The base of every consumer: joins a topic, answers commands, leaves."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, ClassVar, NamedTuple, TypeVar, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from django.db import InterfaceError, OperationalError
from django.http import Http404

from realtime import metrics
from realtime.asgi import Receive, Scope, Send
from realtime.database import in_database
from realtime.delivery.engine import this_engine
from realtime.delivery.socket import Frame, Socket
from realtime.protocol import (
    ClientFrame,
    CloseCode,
    Closing,
    ErrorCode,
    Refusal,
    encode_event,
    encode_reply,
)
from realtime.routing import NOTHING_HERE
from realtime.transports.peer import Peer, WebSocketPeer

logger = logging.getLogger(__name__)

Handler = TypeVar("Handler", bound=Callable[..., object])


DATABASE_AWAY = (OperationalError, InterfaceError)
CLOSES = {
    ErrorCode.FORBIDDEN: CloseCode.FORBIDDEN,
    ErrorCode.NOT_FOUND: CloseCode.NOT_FOUND,
    ErrorCode.RATE_LIMITED: CloseCode.FLOODING,
    ErrorCode.UNAVAILABLE: CloseCode.OVERLOAD,
}


class Reply(NamedTuple):
    """An answer other than a plain `ok`: a handler returns it to choose the type or a rev."""

    type: str
    data: object
    rev: int | None = None


class _Command(NamedTuple):
    handle: Callable[..., Awaitable[object]]
    decoder: msgspec.json.Decoder[Any]  # Any: each command has data of its own type


def command(type: str) -> Callable[[Handler], Handler]:
    """Mark a consumer's method as the handler of the frames of `type`.

    The method takes the frame's data, decoded as the type that its parameter is annotated with,
    and returns the data of the `ok` reply (None for an empty one) or a `Reply`. It raises
    `Refusal` to answer with an error.

    An `async def` method must not use the ORM itself. A plain `def` method may: it runs in one of
    the `DATABASE_THREADS` (4) threads that a process's sockets share, so that as many run at a
    time. Channels' own sync consumers share a single thread.
    """

    def mark(handler: Handler) -> Handler:
        handler.command_type = type  # type: ignore[attr-defined]
        return handler

    return mark


class Consumer:
    """One person's part in one topic: an ASGI application inside `AdmissionMiddleware`.

    A subclass sets `topic` and subscribes in `join`, undoes what is its own in `leave`, and marks
    its handlers with `command`. Many consumers may share one socket.
    """

    commands: ClassVar[dict[str, _Command]] = {}

    def __init__(self, scope: Scope, peer: Peer) -> None:
        self.scope = scope
        self.user = scope["user"]
        self.user_id: int = self.user.pk
        self.socket: Socket = peer.socket
        self.query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
        self.kwargs: dict[str, str] = scope["url_route"]["kwargs"]
        self.topic = ""
        self._peer = peer
        self._engine = this_engine()
        self._welcomed = False
        self._groups: list[str] = []
        self._held: list[str] = []  # groups, until the welcome

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.commands = dict(cls.commands)
        for handler in vars(cls).values():
            if hasattr(handler, "command_type"):
                hints = get_type_hints(handler)
                hints.pop("return", None)
                (data_type,) = hints.values()
                decoder = msgspec.json.Decoder(data_type)
                handle = handler if iscoroutinefunction(handler) else partial(in_database, handler)
                cls.commands[handler.command_type] = _Command(handle, decoder)

    @classmethod
    def as_asgi(cls) -> Any:  # Any: an ASGI application, where Django's `path` wants a view
        """The ASGI application that runs one of these for each WebSocket, or for each join."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            peer = scope.get("realtime.peer")
            if peer is None:
                peer = await WebSocketPeer.open(scope, receive, send)
            await cls(scope, peer)._run()

        return application

    # For subclasses

    async def join(self) -> None:
        """Set `topic`, subscribe, send the welcome.

        Raises:
            Closing: this person may not be here.
        """
        raise NotImplementedError

    async def leave(self) -> None:
        """Undo what `join` did beyond subscribing; called once, however the consumer ends."""

    async def subscribe(self, group: str) -> None:
        """Let the socket hear what is published to `group`; held back until the welcome."""
        if group not in self._groups:
            self._groups.append(group)
            if not self._welcomed:
                self._held.append(group)
                self.socket.hold(group)
        await self._engine.hub.subscribe(group, self)

    def unsubscribe(self, group: str) -> None:
        """Hear `group` no longer."""
        if group in self._groups:
            self._groups.remove(group)
        self._engine.hub.unsubscribe(group, self)
        if group in self._held:
            self._held.remove(group)
            self.socket.discard(group)

    def welcome(self, data: object, rev: int | None = None) -> None:
        """Send a topic's first frame, and after it what was published since `subscribe`.

        Args:
            data: what the topic is like now. An `epoch` in it says that the topic has a history,
                and that there is a command `changes` for it; without one, whoever comes back
                begins anew with the welcome.
            rev: the topic's revision; None where its events have none.
        """
        self._peer.accept()
        self.send("welcome", data, rev)

    def send(self, type: str, data: object, rev: int | None = None) -> None:
        """Send an event to this consumer's client alone; from any thread."""
        text = encode_event(self.topic, type, data, rev)
        self._engine.call(self._write, text)

    def close(self, code: CloseCode, reason: str) -> None:
        """End this consumer: close its URL's socket, or take its topic off a shared one.

        Plain methods are run in threads, and may call it too.
        """
        self._engine.call(self._close, code, reason)

    def dismiss(self, group: str, code: CloseCode, reason: str) -> None:
        """The person may no longer hear `group`: the hub calls this; by default, the end."""
        self.close(code, reason)

    # The life of a consumer

    async def _run(self) -> None:
        try:
            await self._join()
            while (frame := await self._peer.frame()) is not None:
                await self._answer(frame)
        except Closing as closing:
            self._close(closing.code, closing.reason)
        except Exception:
            logger.exception("A consumer failed on %s", self.topic or self.scope["path"])
            self._close(CloseCode.FAILURE, "The server failed.")
        finally:
            self._unsubscribe_all()
            await self._leave()

    async def _leave(self) -> None:
        try:
            await self.leave()
        except DATABASE_AWAY as error:
            logger.error("%s could not be left cleanly: %s", self.scope["path"], error)
        except Exception:
            logger.exception("%s could not be left cleanly", self.scope["path"])

    async def _join(self) -> None:
        try:
            await self.join()
        except Refusal as refusal:
            code = CLOSES.get(refusal.code, CloseCode.FAILURE)
            raise Closing(code, refusal.detail) from None
        except Http404:
            raise Closing(CloseCode.NOT_FOUND, NOTHING_HERE) from None
        except DATABASE_AWAY as error:
            logger.error("%s could not be joined: %s", self.scope["path"], error)
            raise Closing(CloseCode.OVERLOAD, "The database does not answer.") from None
        self._welcomed = True
        metrics.joins.inc()
        self._peer.accept()
        while self._held:
            self.socket.release(self._held.pop())

    def _close(self, code: CloseCode, reason: str) -> None:
        self._unsubscribe_all()
        self._peer.close(code, reason)

    def _unsubscribe_all(self) -> None:
        for group in list(self._groups):
            self.unsubscribe(group)

    async def _answer(self, frame: ClientFrame) -> None:
        try:
            reply = await self._handle(frame)
            answer = encode_reply(self.topic, frame.id, reply.data, reply.type, reply.rev)
        except Refusal as refusal:
            self.socket.refuse(self.topic, frame.id, refusal)
        except DATABASE_AWAY as error:
            logger.error("%s on %s failed: %s", frame.type, self.topic, error)
            away = Refusal(ErrorCode.UNAVAILABLE, "The database does not answer. Try again.", 1)
            self.socket.refuse(self.topic, frame.id, away)
        except Exception:
            logger.exception("%s on %s failed", frame.type, self.topic)
            failed = Refusal(ErrorCode.INTERNAL, "The server failed on this frame.")
            self.socket.refuse(self.topic, frame.id, failed)
        else:
            self._write(answer)

    async def _handle(self, frame: ClientFrame) -> Reply:
        if frame.topic not in (None, self.topic):
            raise Refusal(ErrorCode.NOT_FOUND, f"You have not joined {frame.topic} here.")
        known = self.commands.get(frame.type)
        if known is None:
            raise Refusal(ErrorCode.UNKNOWN_TYPE, f"{self.topic} knows no {frame.type}.")
        try:
            data = known.decoder.decode(frame.data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Refusal(ErrorCode.INVALID, f"{frame.type}: {error}") from None
        answer = await known.handle(self, data)
        if isinstance(answer, Reply):
            return answer
        return Reply("ok", {} if answer is None else answer)

    def _write(self, text: str) -> None:
        self.socket.write(Frame(text))
        metrics.frames_sent.inc()
