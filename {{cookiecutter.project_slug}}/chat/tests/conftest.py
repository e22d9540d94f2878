"""Rooms and people to test with; what is published, and what is refused."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db.backends.utils import CursorWrapper

from accounts.models import User
from chat import actions
from chat.frames import MessageData
from chat.models import Room
from realtime.delivery import publishing
from realtime.delivery.engine import this_engine
from realtime.delivery.hub import LayerMessage
from realtime.protocol import ErrorCode, Refusal

Say = Callable[..., MessageData]
Loss = Callable[[], AbstractContextManager[None]]


@dataclass
class Published:
    """What was published, and who was turned out of what."""

    events: list[dict[str, Any]] = field(default_factory=list)  # Any: JSON
    dismissed: list[tuple[str, int, int]] = field(default_factory=list)

    def types(self, group: str) -> list[str]:
        return [event["type"] for event in self.events if event["group"] == group]

    def last(self, type: str) -> dict[str, Any]:
        return next(event for event in reversed(self.events) if event["type"] == type)

    def take(self, group: str, message: LayerMessage) -> None:
        if message["type"] == "realtime.dismiss" and group.startswith("chat:"):
            self.dismissed.append((group, message["user_id"], message["code"]))
        elif message["type"] == "realtime.event":
            self._add(group, message["text"])
        elif message["type"] == "realtime.events":
            for each in message["events"]:
                self._add(*each)

    def _add(self, group: str, text: str) -> None:
        if group.startswith(("chat:", "rooms:")):
            self.events.append({"group": group, **json.loads(text)})


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    """Stands in for the engine, and does not wait for a commit."""
    published = Published()
    monkeypatch.setattr(publishing, "_send_on_commit", published.take)
    return published


@pytest.fixture
def eve(db: None) -> User:
    return User.objects.create(username="eve", email="eve@example.com")


@pytest.fixture
def public(ada: User, bob: User) -> Room:
    """A public room of ada's, which bob has joined."""
    room = actions.create_room(ada, name="General")
    actions.enter(room, bob)
    return room


@pytest.fixture
def private(ada: User, bob: User) -> Room:
    """A private room of ada's, to which bob was invited."""
    room = actions.create_room(ada, name="Engineering", kind=Room.Kind.PRIVATE)
    actions.invite(room, ada, bob)
    actions.accept_invitation(room, bob)
    return room


@pytest.fixture
def say() -> Say:
    """Posts a message: `say(room, author, "Hello", reply_to=3)`."""
    numbers = itertools.count(1)

    def say(room: Room, author: User, body: str = "Hello", **rest: Any) -> MessageData:
        client_id = rest.pop("client_id", None) or f"test-{next(numbers)}"
        return actions.post_message(room, author, body=body, client_id=client_id, **rest)

    return say


@contextmanager
def refused(code: ErrorCode) -> Iterator[None]:
    """Check that an action is refused, and why."""
    with pytest.raises(Refusal) as caught:
        yield
    assert caught.value.code == code, caught.value.detail


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> Loss:
    """Everything that is published meanwhile is lost."""

    @contextmanager
    def lost() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(publishing, "_send_on_commit", lambda *_: None)
            yield

    return lost


class Asked:
    """The queries that a check makes, in whatever thread; others go on meanwhile."""

    def __init__(self) -> None:
        self.checking = ContextVar("checking", default=False)
        self.queries: list[str] = []

    async def by_a_check(self) -> int:
        """Check, and return how many there were."""
        self.queries.clear()
        self.checking.set(True)
        await this_engine().check()
        self.checking.set(False)
        return len(self.queries)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked()
    execute = CursorWrapper.execute

    def counted(self: CursorWrapper, sql: str, params: Any = None) -> Any:
        if asked.checking.get():
            asked.queries.append(sql)
        return execute(self, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", counted)
    return asked
