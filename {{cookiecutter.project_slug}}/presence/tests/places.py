"""Rooms for tests, and presence's own sockets over them."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.urls import path

from accounts.models import User
from presence.consumers import PresenceConsumer, RosterConsumer
from realtime.admission.middleware import AdmissionMiddleware
from realtime.testing import Client, Json, connect
from realtime.transports.multiplex import Multiplexer


class Places:
    """Rooms and who is in them, as presence is told of them."""

    def __init__(self) -> None:
        self.members: dict[str, set[int]] = {}

    def put(self, room: str, *user_ids: int) -> None:
        self.members.setdefault(room, set()).update(user_ids)

    def rooms_of(self, user_ids: Collection[int]) -> dict[int, list[str]]:
        return {
            user_id: sorted(room for room, members in self.members.items() if user_id in members)
            for user_id in user_ids
        }

    def members_among(self, room: str, user_ids: Collection[int]) -> set[int]:
        return self.members.get(room, set()) & set(user_ids)

    def exists(self, room: str) -> bool:
        return room in self.members

    def who_shares_a_room(self, user_id: int, others: Collection[int]) -> set[int]:
        around: set[int] = set()
        rooms = self.rooms_of([user_id])[user_id]
        return around.union(*(self.members[room] for room in rooms)) & set(others)


application = AdmissionMiddleware(
    URLRouter(
        [
            path("ws/", Multiplexer.as_asgi()),
            path("ws/presence/", PresenceConsumer.as_asgi()),
            path("ws/presence/<slug:slug>/", RosterConsumer.as_asgi()),
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
    """A client of `path` of presence's own sockets, signed in as `user`."""
    async with connect(path, user, application=application, **query) as client:
        yield Watcher(client.communicator)
