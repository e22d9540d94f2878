"""The channel layer that LAYER_URL names.

memory://                        this process alone
redis://, rediss://, unix://,    channels_redis over pub/sub, in each form of REDIS_URL
sentinel://
redis+core://, ...               channels_redis over lists, in the same forms
valkey://, valkeys://            channels_valkey over pub/sub; several servers, as of Redis
nats://user:password@host:4222   channels_nats; several servers of a cluster, separated by commas
postgres://...                   LISTEN and NOTIFY, as a connection URI of libpq
"""

import logging
import re
from collections.abc import Callable
from importlib.util import find_spec
from traceback import walk_tb
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from realtime.redis import check_url, layer_hosts, servers

logger = logging.getLogger(__name__)

CAPACITY = 10_000  # messages that wait in a channel; layers drop those beyond
REDIS_SCHEMES = ("redis", "rediss", "unix", "sentinel")
NATS_PING_SECONDS = 2  # a server that leaves two unanswered has gone

DRIVERS = ("nats", "psycopg", "redis", "valkey")
LAYERS = re.compile(r"(realtime\.layers|channels_nats|channels_redis|channels_valkey)(\.|$)")

Options = dict[str, Any]  # Any: what a layer takes


class Kind(NamedTuple):
    """What carries a scheme."""

    backend: str
    config: Callable[[str, str], Options]
    """Makes CONFIG of a URL and of what begins the layer's names; raises where the URL is wrong."""

    extra: str = ""
    """The extra of `pyproject.toml` that installs it, if it is one."""


def layer(url: str, prefix: str = "") -> Options:
    """An entry of CHANNEL_LAYERS.

    Args:
        prefix: begins the name of each channel.

    Raises:
        ValueError: `url` has none of the forms above, or its package is not installed.
    """
    scheme = urlsplit(url).scheme
    try:
        kind = KINDS[scheme]
        config = kind.config(url, f"{prefix}asgi")
    except (KeyError, TypeError, ValueError, ProgrammingError):
        raise ValueError(
            "is not the address of a channel layer: write one such as redis://host:6379/0 or "
            "nats://host:4222, with %23 for # in a password; docs/layers.md lists them."
        ) from None
    if kind.extra and not find_spec(kind.backend.partition(".")[0]):
        raise ValueError(
            f"needs a package for {scheme}://: install it with `uv sync --extra {kind.extra}`."
        )
    return {"BACKEND": kind.backend, "CONFIG": config}


def is_layer_away(error: Exception) -> bool:
    """Whether a call of the layer raised `error` since its server is away.

    A stock consumer may raise the same of its own accord, as by a client of another server.
    """
    of_server = isinstance(error, OSError) or type(error).__module__.startswith(DRIVERS)
    modules = (frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__))
    return of_server and any(map(LAYERS.match, modules))


def check_layer_url(url: str) -> str:
    """Return `url`.

    Raises:
        ValueError: as `layer` does.
    """
    layer(url)
    return url


def _memory(url: str, prefix: str) -> Options:
    if url != "memory://":
        raise ValueError(url)
    return {"capacity": CAPACITY}


def _redis(url: str, prefix: str) -> Options:
    return {"hosts": layer_hosts(check_url(url)), "prefix": prefix}


def _core(url: str, prefix: str) -> Options:
    return {**_redis(url.replace("+core:", ":"), prefix), "capacity": CAPACITY}


def _valkey(url: str, prefix: str) -> Options:
    check_url(url.replace("valkeys:", "rediss:").replace("valkey:", "redis:"))
    hosts = [{"address": each, "socket_timeout": None} for each in servers(url)]
    return {"hosts": hosts, "prefix": prefix}


def _nats(url: str, prefix: str) -> Options:
    addresses = url.split(",")
    for parts in map(urlsplit, addresses):
        if parts.scheme != "nats" or not parts.hostname or parts.port == 0 or parts.path:
            raise ValueError(url)
    options = {
        "error_cb": _note,
        "max_reconnect_attempts": -1,
        "ping_interval": NATS_PING_SECONDS,
        "reconnect_time_wait": 0.2,
    }
    return {
        "servers": addresses,
        "prefix": prefix,
        "capacity": CAPACITY,
        "connect_options": options,
    }


async def _note(error: Exception) -> None:
    """The hub logs that the layer failed, in a line and once."""
    logger.debug("NATS: %s", error)


def _postgres(url: str, prefix: str) -> Options:
    ports = str(conninfo_to_dict(url).get("port", "5432")).split(",")
    if not urlsplit(url).netloc or not all(map(str.isdecimal, ports)):
        raise ValueError(url)
    return {"url": url, "prefix": prefix, "capacity": CAPACITY}


PUBSUB = Kind("realtime.layers.pubsub.PubSubChannelLayer", _redis)
CORE = Kind("realtime.layers.core.CoreChannelLayer", _core)
VALKEY = Kind("channels_valkey.pubsub.ValkeyPubSubChannelLayer", _valkey, "valkey")
POSTGRES = Kind("realtime.layers.postgres.PostgresChannelLayer", _postgres)
KINDS = {
    "memory": Kind("channels.layers.InMemoryChannelLayer", _memory),
    **dict.fromkeys(REDIS_SCHEMES, PUBSUB),
    **{f"{scheme}+core": CORE for scheme in REDIS_SCHEMES},
    "valkey": VALKEY,
    "valkeys": VALKEY,
    "nats": Kind("channels_nats.NatsChannelLayer", _nats, "nats"),
    "postgres": POSTGRES,
    "postgresql": POSTGRES,
}
