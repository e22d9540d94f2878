"""A process that stops: it closes what is open over a while, and lets nobody in."""

import asyncio
from time import monotonic

import pytest
from pytest_django import Settings

from accounts.models import User
from realtime import gateway
from realtime.auth import Scope, SignIn, sign_in
from realtime.gateway import Connection
from realtime.process import Process, this_process
from realtime.protocol import CloseCode
from realtime.tests.echo import connect_echo

CROWD = 1_000


class Socket:
    def __init__(self) -> None:
        self.closes: list[tuple[float, CloseCode]] = []

    def close(self, code: CloseCode, reason: str) -> None:
        self.closes.append((monotonic(), code))


class Guest(Connection):
    """A connection as far as a drain is concerned."""

    def __init__(self) -> None:
        self.socket = Socket()  # type: ignore[assignment]


@pytest.mark.django_db(transaction=True)
async def test_who_signs_in_while_the_drain_begins_is_turned_away(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sign_in_late(scope: Scope) -> SignIn:
        signed_in = await sign_in(scope)
        this_process().draining = True
        return signed_in

    monkeypatch.setattr(gateway, "sign_in", sign_in_late)
    async with connect_echo("/ws/echo/room/", ada) as client:
        assert await client.closed() == 1012


async def test_a_crowd_is_closed_over_the_drain_s_seconds(settings: Settings) -> None:
    settings.REALTIME = {"DRAIN_SECONDS": 0.2}
    process = Process()
    crowd = [Guest() for _ in range(CROWD)]
    process.connections.update(crowd)
    async with asyncio.timeout(1):  # a pause after each would take more than a second
        await process.drain()
    closes = [close for guest in crowd for close in guest.socket.closes]  # type: ignore[attr-defined]
    times = sorted(at for at, _ in closes)
    assert [code for _, code in closes] == [1012] * CROWD
    assert times[-1] - times[0] > 0.1
