"""A process that stops: it closes what is open over a while, and lets nobody in."""

import asyncio

import pytest
from pytest_django import Settings

from accounts.models import User
from realtime.admission import middleware as admission
from realtime.admission.auth import sign_in
from realtime.asgi import Scope
from realtime.delivery.connection import Connection
from realtime.delivery.engine import Engine, this_engine
from realtime.protocol import CloseCode
from realtime.sessions import VerifiedSession
from realtime.tests.echo import connect_echo

CROWD = 1_000
DRAIN_SECONDS = 0.2
LATE_SECONDS = 0.001  # how much too long a pause lasts


class Clock:
    """Time that passes only while somebody sleeps, and then a little more than was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self._yield = asyncio.sleep
        monkeypatch.setattr(asyncio, "sleep", self.sleep)
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.now += seconds + LATE_SECONDS
        await self._yield(0)


class Socket:
    def __init__(self) -> None:
        self.closes: list[tuple[float, CloseCode]] = []

    def close(self, code: CloseCode, reason: str) -> None:
        self.closes.append((asyncio.get_running_loop().time(), code))


class Guest(Connection):
    """A connection as far as a drain is concerned."""

    def __init__(self) -> None:
        self.socket = Socket()  # type: ignore[assignment]


@pytest.mark.django_db(transaction=True)
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


async def test_a_crowd_is_closed_over_the_drain_s_seconds(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REALTIME = {"DRAIN_SECONDS": DRAIN_SECONDS}
    engine = Engine()
    crowd = [Guest() for _ in range(CROWD)]
    engine.connections.update(crowd)
    Clock(monkeypatch)

    await engine.drain()

    closes = [close for guest in crowd for close in guest.socket.closes]  # type: ignore[attr-defined]
    assert [code for _, code in closes] == [CloseCode.RESTART] * CROWD
    times = sorted(at for at, _ in closes)
    # Late pauses do not add up: a crowd takes no longer than a few.
    for place in (0, CROWD // 2, CROWD - 1):
        assert times[place] == pytest.approx(DRAIN_SECONDS * place / CROWD, abs=2 * LATE_SECONDS)
