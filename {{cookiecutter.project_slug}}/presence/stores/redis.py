"""Presence in Redis, for any number of processes: each step is a Lua script, on Redis's clock."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from presence.stores.interface import (
    Announcement,
    Appear,
    Change,
    Join,
    LeaseLost,
    Leave,
    Roster,
    State,
    StoreUnavailable,
    Swept,
    Timing,
    Turn,
)
from realtime.redis import async_pool

LUA = Path(__file__).parent / "lua"
CONNECTIONS = 8  # of one process; further calls wait for one of them
ANSWER_SECONDS = 5
ANNOUNCEMENTS = 100  # taken by one call

Argument = str | int


class RedisStore:
    """A `Store` in Redis 6.2 or later.

    Args:
        url: as `settings.REDIS_URL`; of several servers, the first.
        prefix: begins every key, so that the server can be shared.
    """

    def __init__(self, url: str, timing: Timing, prefix: str = "presence:") -> None:
        self.timing = timing
        self._client = Redis(
            connection_pool=async_pool(
                url,
                connections=CONNECTIONS,
                wait=ANSWER_SECONDS,
                # The client's own time-out is an asyncio.wait_for, which before Python 3.12 may
                # swallow the cancellation of the task that waits; `_run` has a sound one.
                socket_timeout=None,
                socket_connect_timeout=ANSWER_SECONDS,
                retry=Retry(NoBackoff(), 1),  # an idle connection may have died unnoticed
                decode_responses=True,
            )
        )
        common = (LUA / "common.lua").read_text()
        self._scripts = {
            path.stem: self._client.register_script(common + path.read_text())
            for path in LUA.glob("*.lua")
            if path.stem != "common"
        }
        self._common_arguments = (prefix, _ms(timing.grace_seconds), _ms(timing.window_seconds))

    async def open(self, process: str) -> None:
        await self._run("open", process, _ms(self.timing.lease_seconds))

    async def beat(self, process: str) -> int:
        held: int = await self._run("beat", process, _ms(self.timing.lease_seconds))
        if held < 0:
            raise LeaseLost
        return held

    async def apply(self, process: str, changes: Sequence[Change]) -> bool:
        arguments = [argument for change in changes for argument in _arguments(change)]
        stirred: int = await self._run("apply", process, *arguments)
        if stirred < 0:
            raise LeaseLost
        return bool(stirred)

    async def release(self, process: str) -> None:
        await self._run("release", process)

    async def sweep(self, limit: int) -> Swept:
        more, stirred, quiet = await self._run("sweep", limit)
        return Swept(bool(more), bool(stirred), bool(quiet))

    async def announce(self, limit: int) -> list[Announcement]:
        now, *announcements = await self._run("announce", limit, ANNOUNCEMENTS)
        return [
            Announcement(
                room,
                int(version),
                int(now) / 1000,
                size,
                {int(user): State(state) for user, state in _pairs(people)},
            )
            for room, version, size, people in announcements
        ]

    async def rosters(self, rooms: Sequence[str], *, after: int = 0, limit: int) -> list[Roster]:
        pages = await self._run("rosters", after, limit, *rooms)
        return [
            Roster(
                room,
                int(version),
                size,
                {int(user): State.AWAY if away else State.ONLINE for user, away in _pairs(people)},
                bool(more),
            )
            for room, (version, size, more, people) in zip(rooms, pages, strict=True)
        ]

    async def states(self, rooms: Sequence[str], users: Sequence[int]) -> dict[int, State]:
        states = await self._run("states", len(rooms), *rooms, *users)
        return dict(zip(users, map(State, states), strict=True))

    async def versions(self, rooms: Sequence[str]) -> dict[str, int]:
        return dict(zip(rooms, map(int, await self._run("versions", *rooms)), strict=True))

    async def close(self) -> None:
        await self._client.connection_pool.disconnect()

    async def _run(self, script: str, *arguments: Argument) -> Any:  # Any: each script's own answer
        async with _unavailable(), asyncio.timeout(ANSWER_SECONDS):
            return await self._scripts[script](args=[*self._common_arguments, *arguments])


@asynccontextmanager
async def _unavailable() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error


def _arguments(change: Change) -> Iterable[Argument]:
    match change:
        case Join(connection, user, rooms, away, visibility):
            return ("join", user, connection, int(away), visibility, len(rooms), *rooms)
        case Leave(connection, user, rooms):
            return ("leave", user, connection, 0, 0, len(rooms), *rooms)
        case Turn(connection, user, rooms, away):
            return ("turn", user, connection, int(away), 0, len(rooms), *rooms)
        case Appear(user, rooms, visibility):
            return ("appear", user, "", 0, visibility, len(rooms), *rooms)


def _pairs(flat: Sequence[Any]) -> Iterable[tuple[Any, Any]]:  # Any: as Redis answers
    return zip(flat[::2], flat[1::2], strict=True)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
