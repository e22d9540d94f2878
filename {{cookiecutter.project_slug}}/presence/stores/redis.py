"""Presence in Redis: each method is a Lua script, on Redis's clock."""

import asyncio
import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import RedisError
from redis.retry import Retry as SyncRetry

from presence.stores import (
    Announcement,
    LeaseLost,
    Roster,
    State,
    StoreUnavailable,
    Swept,
    Timing,
    Visit,
)
from realtime.redis import Pool, async_pool
from realtime.viewing import View

logger = logging.getLogger(__name__)

KEY_PREFIX = "presence:"
LUA = Path(__file__).parent / "lua"
CONNECTIONS = 8  # of one process; further calls wait for one of them
ANSWER_SECONDS = 5
VIEWERS_SECONDS = 0.1  # longer, and whoever writes a message would be held up
RETRY_SECONDS = 1
ANNOUNCEMENTS = 100  # taken by one call
STATES = {state.value: state for state in State}
IS_AWAY = {0: State.ONLINE, 1: State.AWAY}


class RedisStore:
    """What `MemoryStore` is, in Redis 6.2 or later, for any number of processes.

    Args:
        url: as `settings.REDIS_URL`; of several servers, the first.
        prefix: begins every key, so that the server can be shared.
    """

    def __init__(self, url: str, timing: Timing, prefix: str = KEY_PREFIX) -> None:
        self.timing = timing
        self._client = Redis(
            connection_pool=async_pool(
                url,
                connections=CONNECTIONS,
                wait=ANSWER_SECONDS,
                # The client's own timeout is asyncio.wait_for, which before Python 3.12 may
                # swallow a cancellation; `_run` has a timeout that does not.
                socket_timeout=None,
                socket_connect_timeout=ANSWER_SECONDS,
                retry=Retry(NoBackoff(), 1),  # an idle connection may have died unnoticed
                decode_responses=True,
            )
        )
        self._scripts = {
            path.stem: self._client.register_script(script(path.stem))
            for path in LUA.glob("*.lua")
            if path.stem not in ("common", "viewers")
        }
        self._common_arguments = (prefix, _ms(timing.grace_seconds), _ms(timing.window_seconds))
        pool = Pool.from_url(
            url,
            # Try a second time where an idle connection has died, not where Redis is silent.
            retry=SyncRetry(NoBackoff(), 1, supported_errors=(NotConnected,)),
            socket_timeout=VIEWERS_SECONDS,
            socket_connect_timeout=VIEWERS_SECONDS,
            decode_responses=True,
        )
        self._for_threads = SyncRedis(connection_pool=pool)
        self._read_viewers = self._for_threads.register_script(script("viewers"))
        self._away = threading.Event()

    async def open(self, process: str) -> None:
        await self._run("open", process, _ms(self.timing.lease_seconds))

    async def beat(self, process: str) -> int:
        held: int = await self._run("beat", process, _ms(self.timing.lease_seconds))
        if held < 0:
            raise LeaseLost
        return held

    async def put(self, process: str, visits: Sequence[Visit]) -> bool:
        wake: int = await self._run("put", process, *map(msgspec.json.encode, visits))
        if wake < 0:
            raise LeaseLost
        return bool(wake)

    async def release(self, process: str) -> None:
        await self._run("release", process)

    async def sweep(self, limit: int) -> Swept:
        more, wake = await self._run("sweep", limit)
        return Swept(bool(more), bool(wake))

    async def announce(self, limit: int) -> list[Announcement]:
        now, *announcements = await self._run("announce", limit, ANNOUNCEMENTS)
        at = int(now) / 1000
        return [
            Announcement(room, int(version), at, size, _people(people, STATES))
            for room, version, size, people in announcements
        ]

    async def rosters(self, rooms: Sequence[str], *, limit: int) -> list[Roster]:
        pages = await self._run("rosters", limit, *rooms)
        return [
            Roster(room, int(version), size, _people(people, IS_AWAY))
            for room, (version, size, people) in zip(rooms, pages, strict=True)
        ]

    async def states(self, rooms: Sequence[str], users: Sequence[int]) -> dict[int, State]:
        states = await self._run("states", len(rooms), *rooms, *users)
        return dict(zip(users, map(State, states), strict=True))

    async def close(self) -> None:
        await self._client.connection_pool.disconnect()

    async def _run(
        self, script: str, *arguments: str | int | bytes
    ) -> Any:  # Any: each script's own answer
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._scripts[script](args=[*self._common_arguments, *arguments])
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error

    # For threads, which must not wait for long

    def viewers(self, topics: Collection[str]) -> set[View]:
        """As `realtime.viewing.viewers`.

        After an error nobody is kept waiting: until a thread has found Redis to answer again,
        nobody views anything.
        """
        if self._away.is_set():
            return set()
        try:
            answers = self._read_viewers(args=[*self._common_arguments, *topics])
        except RedisError as error:
            logger.warning("Presence: who views what could not be read: %s", error)
            if not self._away.is_set():
                self._away.set()
                threading.Thread(target=self._ping, name="presence-viewing", daemon=True).start()
            return set()
        return {
            (int(user), topic)
            for topic, users in zip(topics, answers, strict=True)
            for user in users.split()
        }

    def _ping(self) -> None:
        while self._away.is_set():
            time.sleep(RETRY_SECONDS)
            with suppress(RedisError):
                self._for_threads.ping()
                self._away.clear()


def script(name: str) -> str:
    """The text of a script, with what all of them share."""
    return (LUA / "common.lua").read_text() + (LUA / f"{name}.lua").read_text()


def _people(flat: Sequence[Any], states: Mapping[Any, State]) -> dict[int, State]:
    """What a script answers as user, state, user, state ... (Any: as Redis has it)."""
    return {int(user): states[state] for user, state in zip(flat[::2], flat[1::2], strict=True)}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
