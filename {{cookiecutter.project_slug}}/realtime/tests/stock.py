"""Applications as Channels' documentation writes them, each at its own URL behind admission."""

import asyncio
from contextlib import suppress
from typing import Any

from asgiref.sync import async_to_sync
from channels.auth import logout
from channels.consumer import AsyncConsumer, SyncConsumer
from channels.exceptions import StopConsumer
from channels.generic.websocket import (
    AsyncJsonWebsocketConsumer,
    AsyncWebsocketConsumer,
    JsonWebsocketConsumer,
    WebsocketConsumer,
)
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404
from django.urls import path

from realtime.admission.tickets import TICKETS
from realtime.asgi import Receive, Scope, Send
from realtime.protocol import Refusal

Event = dict[str, Any]  # Any: an ASGI event

ended: list[tuple[str, int]] = []
"""Which application saw which close code, in this order."""


class AsyncGroups(AsyncJsonWebsocketConsumer):
    """Everybody hears what anybody says."""

    groups = ["stock"]

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        said = {"type": "said", "by": self.scope["user"].username, "content": content}
        await self.channel_layer.group_send("stock", said)

    async def said(self, event: Event) -> None:
        await self.send_json(event)

    async def disconnect(self, code: int) -> None:
        ended.append(("async-json", code))


class SyncOrm(JsonWebsocketConsumer):
    """Asks the database, and reads the session."""

    def connect(self) -> None:
        async_to_sync(self.channel_layer.group_add)("stock", self.channel_name)
        super().connect()

    def receive_json(self, content: Any, **kwargs: Any) -> None:
        user = get_user_model().objects.get(pk=self.scope["user"].pk)
        signed_in_as = self.scope["session"]["_auth_user_id"]
        self.send_json({"by": user.get_username(), "session": signed_in_as, "content": content})

    def said(self, event: Event) -> None:
        self.send_json(event)

    def disconnect(self, code: int) -> None:
        ended.append(("sync-json", code))


class AsyncByName(AsyncConsumer):
    """A method for each event."""

    async def websocket_connect(self, event: Event) -> None:
        await self.send({"type": "websocket.accept"})

    async def websocket_receive(self, event: Event) -> None:
        await self.send({**event, "type": "websocket.send"})

    async def websocket_disconnect(self, event: Event) -> None:
        ended.append(("async-name", event["code"]))
        raise StopConsumer


class SyncByName(SyncConsumer):
    """The same, in a thread."""

    def websocket_connect(self, event: Event) -> None:
        self.send({"type": "websocket.accept"})

    def websocket_receive(self, event: Event) -> None:
        self.send({**event, "type": "websocket.send"})

    def websocket_disconnect(self, event: Event) -> None:
        ended.append(("sync-name", event["code"]))
        raise StopConsumer


async def raw(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI function."""
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})
    ended.append(("raw", event["code"]))


class Ends(AsyncWebsocketConsumer):
    """Closes as it is told: by `close()`, by a code, by a bug, or before it accepts."""

    async def connect(self) -> None:
        match self.scope["url_route"]["kwargs"]["how"]:
            case "rejects":
                await self.close(4000)
            case "refuses":
                await self.close()
            case "permits-nobody":
                raise PermissionDenied
            case "finds-nothing":
                raise Http404
            case "breaks":
                raise RuntimeError("a bug")
            case _:
                await self.accept(subprotocol=next(iter(self.scope["subprotocols"]), None))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        match text_data:
            case "close":
                await self.close()
            case "4000":
                await self.close(4000, "Enough.")
            case "break":
                raise RuntimeError("a bug")
            case "many":
                for number in range(100):
                    await self.send(str(number))
            case "large":
                await self.send("x" * 1_000_000)


class SignsOut(AsyncWebsocketConsumer):
    """Signs its person out, as Channels' documentation has it."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await logout(self.scope)


class Spends(WebsocketConsumer):
    """Does what costs its person something, in Channels' thread."""

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            with transaction.atomic():
                TICKETS.spend(self.scope["user"])
        except Refusal as refusal:
            self.send(refusal.code)
        else:
            self.send("spent")


async def pushes(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends and never listens."""
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        await send({"type": "websocket.send", "text": "tick"})
        await asyncio.sleep(0)


async def denies(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers by HTTP in place of a handshake."""
    await receive()
    await send({"type": "websocket.http.response.start", "status": 418, "headers": []})
    await send({"type": "websocket.http.response.body", "body": b"no"})


async def never_ends(scope: Scope, receive: Receive, send: Send) -> None:
    """Looks at no message's type."""
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        await receive()


async def polls(scope: Scope, receive: Receive, send: Send) -> None:
    """Looks a hundred times a second for what has come, as a game's loop does."""
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        with suppress(TimeoutError):
            event = await asyncio.wait_for(receive(), 0.01)
            if event["type"] != "websocket.receive":
                return
            await send({**event, "type": "websocket.send"})


async def returns(scope: Scope, receive: Receive, send: Send) -> None:
    """Leaves its socket open."""
    await receive()
    await send({"type": "websocket.accept"})


functions: dict[str, Any] = {
    "denies": denies,
    "polls": polls,
    "pushes": pushes,  # Any: ASGI applications, where Django's `path` wants views
    "raw": raw,
    "never-ends": never_ends,
    "returns": returns,
}
stock_urlpatterns = [
    path("ws/stock/async-json/", AsyncGroups.as_asgi()),
    path("ws/stock/sync-json/", SyncOrm.as_asgi()),
    path("ws/stock/async-name/", AsyncByName.as_asgi()),
    path("ws/stock/sync-name/", SyncByName.as_asgi()),
    path("ws/stock/signs-out/", SignsOut.as_asgi()),
    path("ws/stock/spends/", Spends.as_asgi()),
    path("ws/stock/ends/<slug:how>/", Ends.as_asgi()),
    *(path(f"ws/stock/{name}/", function) for name, function in functions.items()),
]
