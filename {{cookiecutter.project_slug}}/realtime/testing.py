"""Help for tests: a client that speaks the wire to the project's own ASGI application."""

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from channels.routing import get_default_application
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.test import Client as Browser

from realtime.asgi import Application
from realtime.database import in_database
from realtime.delivery.engine import running_engine, stop_engine
from realtime.protocol import PROTOCOL

ANSWER_SECONDS = 20  # a frame that never comes fails a test; a busy machine does not

Json = dict[str, Any]  # Any: JSON


class Client:
    """One connected client. Frames that came before an expected one are in `skipped`."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self.communicator = communicator
        self.skipped: list[Json] = []
        self._ids = itertools.count(1)

    async def send(self, type: str, data: Json | None = None, topic: str | None = None) -> Json:
        """Send a frame; return the reply to it."""
        frame_id = await self.send_unheard(type, data, topic)
        return await self._receive_until(lambda reply: reply.get("id") == frame_id)

    async def send_unheard(
        self, type: str, data: Json | None = None, topic: str | None = None
    ) -> str:
        """Send a frame without waiting for its reply; return the frame's id."""
        frame_id = str(next(self._ids))
        frame = {"id": frame_id, "type": type, "data": data or {}}
        await self.send_text(json.dumps(frame if topic is None else {**frame, "topic": topic}))
        return frame_id

    async def send_text(self, text: str) -> None:
        await self.communicator.send_to(text_data=text)

    async def receive(self) -> Json:
        """The next frame."""
        frame: Json = json.loads(await self.communicator.receive_from(ANSWER_SECONDS))
        return frame

    async def expect(self, type: str) -> Json:
        """The next frame of this type, from `skipped` or yet to come."""
        for frame in self.skipped:
            if frame["type"] == type:
                self.skipped.remove(frame)
                return frame
        return await self._receive_until(lambda frame: frame["type"] == type)

    async def closed(self) -> int:
        """Wait for the server to close; return the close code."""
        while (message := await self.communicator.receive_output(ANSWER_SECONDS))[
            "type"
        ] != "websocket.close":
            self.skipped.append(json.loads(message["text"]))
        code: int = message["code"]
        return code

    async def _receive_until(self, matches: Any) -> Json:  # Any: a predicate
        while not matches(frame := await self.receive()):
            self.skipped.append(frame)
        return frame


@asynccontextmanager
async def connect(
    path: str,
    user: AbstractUser | None = None,
    *,
    session: str | None = None,
    subprotocols: list[str] | None = None,
    origin: str | None = "http://testserver",
    application: Application | None = None,
    **query: str | int,
) -> AsyncIterator[Client]:
    """A client of `path` of the project's application.

    It is signed in by the cookie of `session`, a key, or of a new session of `user`.
    """
    headers = [(b"host", b"testserver")]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    if session is None and user is not None:
        session = await in_database(session_key_of, user)
    if session is not None:
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={session}".encode()))
    communicator = WebsocketCommunicator(
        application or get_default_application(),
        f"{path}?{urlencode(query)}",
        headers,
        [PROTOCOL] if subprotocols is None else subprotocols,
    )
    await communicator.connect(ANSWER_SECONDS)
    try:
        yield Client(communicator)
    finally:
        await communicator.disconnect(timeout=ANSWER_SECONDS)
        engine = running_engine()
        if engine is not None and not engine.connections:
            await stop_engine()


def session_key_of(user: AbstractUser) -> str:
    """The key of a new session in which `user` is signed in."""
    browser = Browser()
    backend = settings.AUTHENTICATION_BACKENDS[0]
    browser.force_login(user, backend=backend)  # type: ignore[arg-type]  # any user model
    key: str = browser.cookies[settings.SESSION_COOKIE_NAME].value
    return key
