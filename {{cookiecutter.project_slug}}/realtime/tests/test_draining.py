"""A process that stops: it closes what is open, finishes what is under way, admits nobody."""

import asyncio

import pytest
from pytest_django import Settings

from accounts.models import User
from realtime.admission import middleware as admission
from realtime.admission.auth import sign_in
from realtime.asgi import Scope
from realtime.delivery.engine import this_engine
from realtime.sessions import VerifiedSession
from realtime.tests.echo import EchoConsumer, connect_echo

pytestmark = pytest.mark.django_db(transaction=True)


async def test_who_signs_in_while_the_drain_begins_is_turned_away(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sign_in_late(scope: Scope) -> VerifiedSession:
        signed_in = await sign_in(scope)
        this_engine().draining = True
        return signed_in

    monkeypatch.setattr(admission, "sign_in", sign_in_late)
    async with connect_echo("/ws/echo/room/", ada) as client:
        assert await client.closed() == 1012


async def test_a_drain_closes_every_socket_and_waits_for_what_is_under_way(ada: User) -> None:
    EchoConsumer.may_leave, EchoConsumer.held = asyncio.Event(), asyncio.Event()
    async with connect_echo("/ws/echo/a/", ada) as idle, connect_echo("/ws/", ada) as busy:
        await idle.expect("welcome")
        await busy.send("join", {}, "echo:a")
        await busy.send_unheard("hold", {}, "echo:a")
        await EchoConsumer.held.wait()
        draining = asyncio.create_task(this_engine().drain())
        assert await idle.closed() == 1012
        assert not draining.done()
        EchoConsumer.may_leave.set()
        await draining
        assert await busy.closed() == 1012


async def test_a_drain_ends_after_its_seconds(ada: User, settings: Settings) -> None:
    settings.REALTIME = {"DRAIN_SECONDS": 0.01}
    EchoConsumer.may_leave, EchoConsumer.held = asyncio.Event(), asyncio.Event()
    async with connect_echo("/ws/echo/a/", ada) as busy:
        await busy.send_unheard("hold")
        await EchoConsumer.held.wait()
        async with asyncio.timeout(20):
            await this_engine().drain()
        assert this_engine().connections
        EchoConsumer.may_leave.set()
        assert await busy.closed() == 1012
