"""Connections to Redis, for each form of REDIS_URL.

redis://host:6379/0                            one server; rediss:// uses TLS
redis://one:6379/0,redis://two:6379/0          several: the channel layer spreads its groups
                                               over all, everything else uses the first
sentinel://:password@a:26379,b:26379/mymaster  the server that the sentinels call the master;
                                               ?db=1 for another database than 0
"""

import logging
import re
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, ClassVar, NamedTuple, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import ConnectionPool
from redis.asyncio import BlockingConnectionPool
from redis.asyncio import ConnectionPool as AsyncConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import TimeoutError as RedisTimeout
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 1.0  # how long a page waits for Redis, twice at most
RETRY_SECONDS = 10.0  # between tries of a Redis that does not do its work
ENTRIES_IN_MEMORY = 50_000

SCHEMES = ("redis", "rediss", "unix")
SENTINEL_PORT = 26379
DATABASE = re.compile(r"/?\d*")

WRITE = "return redis.call('SET', KEYS[1], 1, 'PX', 5000)"

FAULTS: dict[type[Exception], str] = {
    OutOfMemoryError: "full",
    ReadOnlyError: "read-only",
    NoPermissionError: "not permitted",
    AuthenticationError: "wrong password",
    BusyLoadingError: "loading",
    TimeoutError: "no answer",
    RedisTimeout: "no answer",
    OSError: "gone",
    NotConnected: "gone",
}
"""By which the first that fits an error names it."""

Options = dict[str, Any]  # Any: what redis-py takes


class Sentinels(NamedTuple):
    """The sentinels that know which server is the master, and how to connect to both."""

    addresses: list[tuple[str, int]]
    master: str
    login: Options  # to the sentinels
    database: Options

    @classmethod
    def from_url(cls, url: str) -> Self | None:
        """Read a `sentinel://` URL; None for any other."""
        parts = urlsplit(url)
        if parts.scheme != "sentinel":
            return None
        credentials, _, hosts = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        login = {"username": unquote(user) or None, "password": unquote(password) or None}
        login = {name: value for name, value in login.items() if value}
        database = login | {"db": int(dict(parse_qsl(parts.query)).get("db", 0))}
        addresses = [_address(host) for host in hosts.split(",")]
        return cls(addresses, parts.path.strip("/"), login, database)


def check_url(url: str) -> str:
    """Return `url`.

    Raises:
        ValueError: it has none of the forms above.
    """
    try:
        sentinels = Sentinels.from_url(url)
        good = "#" not in url and (
            sentinels.master if sentinels else all(map(_is_server, url.split(",")))
        )
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            "is not the address of a Redis: write one such as redis://host:6379/0, "
            "with %23 for # in a password."
        )
    return url


def layer_hosts(url: str) -> list[Options]:
    """`hosts` of a channel layer.

    A subscriber waits for messages, so its reads have no timeout; redis-py's default is 5 seconds.
    """
    sentinels = Sentinels.from_url(url)
    if sentinels is None:
        return [{"address": each, "socket_timeout": None} for each in url.split(",")]
    return [
        {
            "sentinels": sentinels.addresses,
            "master_name": sentinels.master,
            "sentinel_kwargs": sentinels.login,
            "socket_timeout": None,
            **sentinels.database,
        }
    ]


def servers(url: str) -> list[str]:
    """The URL of each server; the first is for everything but the channel layer."""
    return [url] if Sentinels.from_url(url) else url.split(",")


async def try_out(url: str, channel: str, key: str | None = None) -> None:
    """Do with a server what the site does: publish and hear, and write `key`, if one is given.

    Raises:
        RedisError, OSError: the server does not answer, or refuses something.
    """
    pool = async_pool(url, connections=2, wait=1, retry=AsyncRetry(NoBackoff(), 0))
    client = AsyncRedis(connection_pool=pool)
    try:
        if key:
            await client.set(key, 1, px=5_000)
            await client.eval(WRITE, 1, key)
        async with client.pubsub() as subscription:
            await subscription.subscribe(channel)
            await subscription.get_message(timeout=None)
            await client.publish(channel, "")
            await subscription.get_message(timeout=None)
    finally:
        await pool.disconnect()


def fault(error: Exception) -> str:
    """What an error of Redis means, without an address; docs/operations.md explains the words."""
    if "MISCONF" in str(error):
        return "cannot save"
    if "max number of clients" in str(error):
        return "too many clients"
    for kind, words in FAULTS.items():
        if isinstance(error, kind):
            return words
    return type(error).__name__


def async_pool(url: str, *, connections: int, wait: float, **options: Any) -> AsyncConnectionPool:
    """A pool of connections to the first server, for coroutines.

    Args:
        connections: the most connections that are open at once.
        wait: seconds that a caller waits for one of them.
        options: options of each connection.
    """
    sentinels = Sentinels.from_url(url)
    if sentinels is None:
        return BlockingConnectionPool.from_url(
            servers(url)[0], max_connections=connections, timeout=wait, **options
        )
    known = AsyncSentinel(sentinels.addresses, sentinel_kwargs=sentinels.login)
    return AsyncSentinelConnectionPool(sentinels.master, known, **sentinels.database, **options)


class Pool:
    """A pool of connections to the first server, for threads: `pool_class` of Django's cache.

    Each command is tried twice, because an idle connection may have died, without a pause between:
    redis-py's own retries would delay a page by seconds while Redis is down.
    """

    @classmethod
    def from_url(cls, url: str, **options: Any) -> ConnectionPool:
        retry = Retry(NoBackoff(), 1)
        waits = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS}
        options = {"retry": retry, **waits, **options}
        sentinels = Sentinels.from_url(url)
        if sentinels is None:
            return ConnectionPool.from_url(servers(url)[0], **options)
        login = {"retry": retry, **waits, **sentinels.login}
        known = Sentinel(sentinels.addresses, sentinel_kwargs=login)
        return SentinelConnectionPool(sentinels.master, known, **sentinels.database, **options)


class Cache(RedisCache):
    """Django's cache in Redis, which does not fail with it."""

    def __init__(self, server: str | list[str], params: Options) -> None:
        super().__init__(server, params)
        self._class = CacheClient


class CacheClient:
    """Uses this process's memory while Redis is away, hangs or answers with errors.

    Attempts to sign in are counted in the cache. People can still sign in then, and the counts in
    memory limit guesses in each process.
    """

    _memory = LocMemCache("instead of Redis", {"OPTIONS": {"MAX_ENTRIES": ENTRIES_IN_MEMORY}})
    _try_at: ClassVar[float | None] = None  # None while Redis works

    def __init__(self, servers: list[str], **options: Any) -> None:
        self._redis = RedisCacheClient(servers, **options)

    def __getattr__(self, command: str) -> Callable[..., Any]:
        return partial(self._call, getattr(self._redis, command), getattr(self._memory, command))

    @classmethod
    def _call(cls, redis: Callable[..., Any], memory: Callable[..., Any], *arguments: Any) -> Any:
        if cls._try_at is not None:
            if monotonic() < cls._try_at:
                return memory(*arguments)
            cls._try_at = monotonic() + RETRY_SECONDS  # others do not wait for this try
        try:
            answer = redis(*arguments)
        except RedisError as error:
            cls._try_at = monotonic() + RETRY_SECONDS
            logger.error("The cache is in memory for %d seconds: Redis: %s", RETRY_SECONDS, error)
            return memory(*arguments)
        cls._try_at = None
        return answer


def _is_server(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return bool(parts.path)
    named = bool(parts.hostname) and parts.port != 0
    if parts.scheme not in SCHEMES or not named or not DATABASE.fullmatch(parts.path):
        return False
    ConnectionPool.from_url(url).make_connection()  # raises for an option that is none
    return True


def _address(host: str) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    if not parts.hostname:
        raise ValueError(host)
    return parts.hostname, parts.port or SENTINEL_PORT
