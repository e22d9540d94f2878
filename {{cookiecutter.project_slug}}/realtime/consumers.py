"""The base of every consumer: joins a topic, answers commands, leaves."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, ClassVar, NamedTuple, Self, TypeVar, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from django.utils.translation import gettext as _

from realtime import metrics
from realtime.asgi import Receive, Scope, Send
from realtime.database import in_database
from realtime.delivery.connection import refusal_for
from realtime.delivery.engine import this_engine
from realtime.delivery.socket import Socket
from realtime.protocol import ClientFrame, CloseCode, ErrorCode, Refusal, encode
from realtime.transports.session import ClientSession, Tasks, without

Handler = TypeVar("Handler", bound=Callable[..., object])


class Reply(NamedTuple):
    """An answer other than a plain `ok`: a handler returns it to choose the type or a rev."""

    type: str
    data: object
    rev: int | None = None


class _Command(NamedTuple):
    handle: Callable[..., Awaitable[object]]
    decoder: msgspec.json.Decoder[Any]  # Any: each command has data of its own type
    answer: Any  # Any: the type that the handler returns
    together: bool


def _declared(marked: Any, handler: Callable[..., Any]) -> _Command:
    """The command that the method `marked` declares, and `handler` of a subclass carries out."""
    hints = get_type_hints(marked)
    answer = hints.pop("return", Any)
    if len(hints) != 1:
        raise TypeError(
            f"{marked.__qualname__} takes the data of a frame: annotate its one parameter with the "
            "type, such as `data: Nothing` of realtime.protocol for none."
        )
    (data_type,) = hints.values()
    handle = handler if iscoroutinefunction(handler) else partial(in_database, handler)
    return _Command(handle, msgspec.json.Decoder(data_type), answer, marked.together)


def command(type: str, *, together: bool = False) -> Callable[[Handler], Handler]:
    """Mark a consumer's method as the handler of the frames of `type`.

    The method takes the frame's data, decoded as the type that its parameter is annotated with,
    and returns the data of the `ok` reply (None for an empty one) or a `Reply`. It raises
    `Refusal` to answer with an error.

    A subclass overrides the method as any other, or sets it to None to have no such command; it
    may come from a mixin.

    An `async def` method must not use the ORM itself. A plain `def` method may: it runs in one of
    the `DATABASE_THREADS` (4) threads that a process's sockets share, so that as many run at a
    time. Channels' own sync consumers share a single thread.

    Args:
        together: begin it before earlier ones of its kind have ended: for an `async def` method
            that first submits to a `Batcher`, which keeps their order. Any other command waits
            for them. The answers keep the order of the frames.
    """

    def mark(handler: Handler) -> Handler:
        handler.command_type, handler.together = type, together  # type: ignore[attr-defined]
        return handler

    return mark


class Consumer:
    """One person's part in one topic: an ASGI application inside `AdmissionMiddleware`.

    A subclass sets `topic` and subscribes in `join`, undoes what is its own in `leave`, and marks
    its handlers with `command`. Many consumers may share one socket.
    """

    commands: ClassVar[dict[str, _Command]] = {}
    events: ClassVar[Mapping[str, Any]] = {}  # Any: types
    """The type of the data of each event on its topic, by the event's name, with those of its base
    classes. A model of feed items stands for what its `as_data` gives. They are the contract that
    `manage.py asyncapi` writes; where `CHECK_EVENTS` is set, no other event is sent."""

    def __init__(self, scope: Scope, session: ClientSession) -> None:
        self.scope = scope
        self.user = scope["user"]
        self.user_id: int = self.user.pk
        self.socket: Socket = session.socket
        self.kwargs: dict[str, str] = scope["url_route"]["kwargs"]
        self._topic = ""
        self._session = session
        self._engine = this_engine()
        self._groups: list[str] = []
        self._alone: Tasks = ()  # what is under way and runs alone
        self.has_joined = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        bases = [vars(base) for base in reversed(cls.__mro__)]
        cls.events = dict(item for each in bases for item in each.get("events", {}).items())
        marked = {
            handler.command_type: (name, handler)
            for each in bases
            for name, handler in each.items()
            if hasattr(handler, "command_type")
        }
        cls.commands = {
            frame: _declared(handler, getattr(cls, name))
            for frame, (name, handler) in marked.items()
            if getattr(cls, name) is not None
        }

    @classmethod
    def as_asgi(cls) -> Any:  # Any: an ASGI application, where Django's `path` wants a view
        """The ASGI application that runs one of these for each WebSocket, or for each join."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            session: ClientSession | None = scope.get("realtime.topic_session")
            if session is None:
                session = await ClientSession.open(scope, receive, send)
            await session.run(cls(scope, session))

        application.consumer_class = cls  # type: ignore[attr-defined]  # as Channels' own have it
        return application

    # For subclasses

    @property
    def query(self) -> dict[str, str]:
        """The query of the URL, or what came with the join; read again each time."""
        return dict(parse_qsl(self.scope.get("query_string", b"").decode("latin-1")))

    @property
    def topic(self) -> str:
        """The topic's one name; `join` sets it, before anything else."""
        return self._topic

    @topic.setter
    def topic(self, name: str) -> None:
        self._session.serve(name)
        self._topic = name

    async def join(self) -> None:
        """Set `topic`, subscribe, send the welcome.

        Raises:
            Closing: this person may not be here.
        """
        raise NotImplementedError

    async def leave(self) -> None:
        """Undo what `join` did beyond subscribing; called once, however the consumer ends."""

    async def subscribe(self, *groups: str) -> None:
        """Let the socket hear what is published to `groups`; before the welcome it is held back."""
        hub = self._engine.hub
        self._groups += [hub.shared_name(each) for each in groups if each not in self._groups]
        await hub.subscribe(groups, self, hold=not self.has_joined)

    def unsubscribe(self, group: str) -> None:
        """Hear `group` no longer."""
        if group in self._groups:
            self._groups.remove(group)
            self._engine.hub.unsubscribe(group, self)

    def welcome(self, data: object, rev: int | None = None) -> None:
        """Send a topic's first frame, and after it what was published since `subscribe`.

        Args:
            data: what the topic is like now. An `epoch` in it says that the topic has a history,
                and that there is a command `changes` for it; without one, a client that comes
                back starts afresh with the welcome.
            rev: the topic's revision; None where its events have none.
        """
        self._session.accept()
        self.send("welcome", data, rev)

    def send(self, type: str, data: object, rev: int | None = None) -> None:
        """Send an event to this consumer's client alone, as long as it has not been put out.

        May be called from any thread.
        """
        if not self._session.is_served:
            return
        self._engine.call(self.socket.send, encode(self.topic, type, data, rev))

    def close(self, code: CloseCode, reason: str) -> None:
        """End this consumer: close its URL's socket, or leave its topic of a shared one.

        May be called from any thread.
        """
        self._engine.call(self._close, code, reason)

    def dismiss(self, group: str, code: CloseCode, reason: str) -> None:
        """The hub calls this when the person may no longer hear `group`; it ends the consumer."""
        self.close(code, reason)

    @classmethod
    async def heal(cls, consumers: Sequence[Self]) -> None:
        """Make up for what the layer may have lost, other than events that have a revision.

        The engine calls this after each gap and every `CHECK_SECONDS`, with up to 500 consumers of
        this class that have joined, for a few queries about all of them. Whoever may no longer hear
        a topic, by its `Topic.hearers`, was dismissed before.
        """

    # The life of a consumer

    async def _join(self) -> None:
        gaps = self._engine.gaps
        await self.join()
        self.has_joined = True
        self._engine.check_after(gaps)
        metrics.joins.inc()
        self._session.accept()
        for group in self._groups:
            self._engine.hub.release(group, self)

    def _take(self, frame: ClientFrame) -> bool:
        """Begin a task that answers `frame`; returns whether others may begin before it ends."""
        known = self.commands.get(frame.type)
        together = known is not None and known.together
        before = self._session.under_way[-1:]  # which ends after all that is before it
        first = self._alone[-1:] if together else before
        task = self._session.begin(self._answer(frame, first, before))
        if not together:
            self._alone = (*self._alone, task)
            task.add_done_callback(self._forget)
        return together

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._alone = without(task, self._alone)

    async def _answer(self, frame: ClientFrame, first: Tasks, before: Tasks) -> None:
        """Wait for `first`, handle a frame, wait for those `before`, then send the answer."""
        if first:
            await asyncio.wait(first)
        try:
            is_out = not self._session.is_served or self.socket.closing is not None
            if is_out or frame.topic not in (None, self.topic):
                detail = _("You have not joined %(topic)s here.") % {"topic": frame.topic}
                raise Refusal(ErrorCode.NOT_FOUND, detail)
            known = self.commands.get(frame.type)
            if known is None:
                names = {"topic": self.topic, "type": frame.type}
                raise Refusal(ErrorCode.UNKNOWN_TYPE, _("%(topic)s knows no %(type)s.") % names)
            try:
                data = known.decoder.decode(frame.data)
            except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
                raise Refusal(ErrorCode.INVALID, f"{frame.type}: {error}") from None
            reply = await known.handle(self, data)
            if not isinstance(reply, Reply):
                reply = Reply("ok", {} if reply is None else reply)
            text = encode(self.topic, reply.type, reply.data, reply.rev, frame.id)
        except Exception as error:
            refusal = refusal_for(error, f"{frame.type} on {self.topic}")
            answer = partial(self.socket.refuse, self.topic, frame.id, refusal)
        else:
            answer = partial(self.socket.send, text)
        if before:
            await asyncio.wait(before)
        answer()

    def _close(self, code: CloseCode, reason: str) -> None:
        self._unsubscribe_all()
        self._session.close(code, reason)

    async def _leave(self) -> None:
        self._unsubscribe_all()
        try:
            await self.leave()
        except Exception as error:
            refusal_for(error, f"Leaving {self.scope['path']}")  # which logs it

    def _unsubscribe_all(self) -> None:
        self.has_joined = False
        for group in list(self._groups):
            self.unsubscribe(group)
