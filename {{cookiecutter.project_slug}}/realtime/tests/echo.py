"""A consumer to test the engine with, and an application that routes to it."""

import asyncio
from functools import partial
from threading import Barrier
from typing import Annotated

from channels.routing import URLRouter
from django.urls import path
from msgspec import Meta, Struct

from accounts.models import User
from realtime.admission.middleware import AdmissionMiddleware
from realtime.consumers import Consumer, command
from realtime.delivery.publishing import publish
from realtime.protocol import CloseCode, Closing, ErrorCode, Refusal
from realtime.testing import connect
from realtime.tests.stock import stock_urlpatterns
from realtime.transports.multiplex import Multiplexer


class Say(Struct, forbid_unknown_fields=True):
    text: Annotated[str, Meta(max_length=100)]


class Nothing(Struct, forbid_unknown_fields=True):
    pass


class EchoConsumer(Consumer):
    """Answers what it is told, and publishes it to its topic."""

    joined = 0
    left: list[str] = []
    left_whole: list[str] = []
    said: list[str] = []
    may_leave: asyncio.Event  # these are each test's own
    held: asyncio.Event
    meeting = Barrier(4)

    async def join(self) -> None:
        EchoConsumer.joined += 1
        name = self.kwargs["slug"]
        self.topic = f"echo:{name}"
        if name == "closed":
            raise Closing(CloseCode.FORBIDDEN, "Nobody may be here.")
        if name == "refused":
            raise Refusal(ErrorCode.NOT_FOUND, "Nothing is here.")
        if name == "broken":
            raise RuntimeError("a bug")
        await self.subscribe(self.topic)
        if name == "busy":
            publish(self.topic, "early", {})
            await asyncio.sleep(0.5)
        self.welcome({"query": self.query}, rev=1)

    async def leave(self) -> None:
        self.left.append(self.topic)
        if self.topic == "echo:stuck":
            raise RuntimeError("a bug")
        if self.topic == "echo:slow":
            await self.may_leave.wait()
            self.left_whole.append(self.topic)

    @command("say")
    async def say(self, data: Say) -> dict[str, str]:
        self.said.append(data.text)
        publish(self.topic, "said", {"text": data.text})
        return {"text": data.text}

    @command("hold")
    async def hold(self, data: Nothing) -> None:
        self.held.set()
        await self.may_leave.wait()

    @command("gather", together=True)
    async def gather(self, data: Say) -> dict[str, str]:
        """The first waits for `may_leave`, an empty one is refused."""
        self.said.append(data.text)
        if data.text == "first":
            await self.may_leave.wait()
        if not data.text:
            raise Refusal(ErrorCode.INVALID, "Say something.")
        return {"text": data.text}

    @command("ask")
    def ask_database(self, data: Nothing) -> dict[str, str | None]:
        """In a thread, where the ORM may be used."""
        self.send("asking", {})
        name = User.objects.values_list("username", flat=True).get(pk=self.user_id)
        return {"name": name}

    @command("meet")
    def meet(self, data: Nothing) -> None:
        """Come back when as many have come as threads serve the sockets of a process."""
        self.meeting.wait(timeout=20)

    @command("say_no_more")
    def say_no_more(self, data: Say) -> None:
        raise {"StopIteration": StopIteration, "SystemExit": SystemExit}[data.text]

    @command("end")
    def end(self, data: Nothing) -> None:
        self.close(CloseCode.FORBIDDEN, "Enough.")

    @command("refuse")
    async def refuse(self, data: Nothing) -> None:
        raise Refusal(ErrorCode.CONFLICT, "Not now.", retry_after=0.5)

    @command("fail")
    async def fail(self, data: Nothing) -> None:
        raise RuntimeError("a bug")


class NumberedConsumer(Consumer):
    """Its route reads a number however it is spelt."""

    async def join(self) -> None:
        self.topic = f"numbered:{self.kwargs['number']}"
        await self.subscribe(self.topic)


class PathConsumer(Consumer):
    async def join(self) -> None:
        self.topic = f"path:{self.kwargs['path']}"
        await self.subscribe(self.topic)


application = AdmissionMiddleware(
    URLRouter(
        [
            path("ws/", Multiplexer.as_asgi()),
            path("ws/echo/<slug:slug>/", EchoConsumer.as_asgi()),
            path("ws/numbered/<int:number>/", NumberedConsumer.as_asgi()),
            path("ws/path/<path:path>/", PathConsumer.as_asgi()),
            *stock_urlpatterns,
        ]
    )
)

connect_echo = partial(connect, application=application)
