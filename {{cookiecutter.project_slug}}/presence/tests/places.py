"""Rooms for tests, and presence's socket over them."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.urls import path

from accounts.models import User
from presence.consumers import PresenceConsumer
from realtime.admission.middleware import AdmissionMiddleware
from realtime.testing import Client, Json, connect
from realtime.topics import Topic
from realtime.transports.multiplex import Multiplexer


class Places(Topic):
    """Topics that show presence, and the people of each."""

    prefix = "place"
    shows_presence = True

    def __init__(self) -> None:
        self.members: dict[str, set[int]] = {}

    def put(self, room: str, *user_ids: int) -> None:
        self.members.setdefault(room, set()).update(user_ids)

    def keys_of(self, user_ids: Collection[int]) -> Mapping[int, Sequence[str]]:
        return {
            user_id: sorted(room for room, members in self.members.items() if user_id in members)
            for user_id in user_ids
        }


application = AdmissionMiddleware(
    URLRouter(
        [
            path("ws/", Multiplexer.as_asgi()),
            path("ws/presence/", PresenceConsumer.as_asgi()),
        ]
    )
)


class Watcher(Client):
    """A client that keeps every frame it was sent."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        super().__init__(communicator)
        self.seen: list[Json] = []

    async def receive(self) -> Json:
        frame = await super().receive()
        self.seen.append(frame)
        return frame


@asynccontextmanager
async def connect_presence(
    path: str,
    user: User,
    **query: Any,  # Any: as `connect` takes it
) -> AsyncIterator[Watcher]:
    """A client of `path`, signed in as `user`."""
    async with connect(path, user, application=application, **query) as client:
        yield Watcher(client.communicator)
