"""Each form of LAYER_URL."""

from unittest.mock import AsyncMock

import pytest

from realtime import layers
from realtime.layers import check_layer_url, layer
from realtime.layers.core import CoreChannelLayer
from realtime.layers.leftovers import forget_made
from realtime.layers.postgres import LoopPart, PostgresChannelLayer

PUBSUB = "realtime.layers.pubsub.PubSubChannelLayer"
CORE = "realtime.layers.core.CoreChannelLayer"
VALKEY = "channels_valkey.pubsub.ValkeyPubSubChannelLayer"
NATS = "channels_nats.NatsChannelLayer"
POSTGRES = "realtime.layers.postgres.PostgresChannelLayer"

WRONG = r"is not the address of a channel layer: write one such as redis://host:6379/0 or nats:"


@pytest.fixture(autouse=True)
def _every_package_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "find_spec", lambda name: True)


@pytest.mark.parametrize(
    ("url", "backend", "config"),
    [
        ("memory://", "channels.layers.InMemoryChannelLayer", {}),
        (
            "redis://a/1,rediss://b",
            PUBSUB,
            {
                "hosts": [
                    {"address": "redis://a/1", "socket_timeout": None},
                    {"address": "rediss://b", "socket_timeout": None},
                ]
            },
        ),
        (
            "redis+core://a,redis+core://b",
            CORE,
            {
                "hosts": [
                    {"address": "redis://a", "socket_timeout": None},
                    {"address": "redis://b", "socket_timeout": None},
                ]
            },
        ),
        (
            "sentinel+core://a:26379/mymaster",
            CORE,
            {
                "hosts": [
                    {
                        "sentinels": [("a", 26379)],
                        "master_name": "mymaster",
                        "sentinel_kwargs": {},
                        "socket_timeout": None,
                        "db": 0,
                    }
                ]
            },
        ),
        (
            "valkeys://:secret@a:6379/0",
            VALKEY,
            {"hosts": [{"address": "valkeys://:secret@a:6379/0", "socket_timeout": None}]},
        ),
        (
            "nats://u:p@a:4222,nats://b",
            NATS,
            {"servers": ["nats://u:p@a:4222", "nats://b"]},
        ),
        ("postgres://u:p@a/db", POSTGRES, {"url": "postgres://u:p@a/db"}),
    ],
)
def test_an_address_makes_a_layer(url: str, backend: str, config: dict[str, object]) -> None:
    made = layer(url, "mine:")
    assert made["BACKEND"] == backend
    assert made["CONFIG"] | config == made["CONFIG"]
    assert made["CONFIG"].get("prefix", "mine:asgi") == "mine:asgi"
    assert made["CONFIG"].get("capacity", 10_000) == 10_000
    assert check_layer_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "redis",
        "amqp://host",
        "memory://host",
        "redis://",
        "redis+core://host:port",
        "redis+core://a,valkey://b",
        "valkey+core://host",
        "valkey://host/first",
        "nats://",
        "nats://host:0",
        "nats://host:port",
        "nats://host/subject",
        "nats://a,redis://b",
        "postgres://",
        "postgres://host:port:port/db",
        "postgres://host/db?colour=red",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=WRONG):
        check_layer_url(url)


def test_an_address_without_its_package_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layers, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs a package for nats://: .*`uv sync --extra nats`"):
        check_layer_url("nats://host")
    assert check_layer_url("redis://host") == "redis://host"


async def test_no_error_is_left_to_nobody_where_redis_goes() -> None:
    await CoreChannelLayer(hosts=["redis://127.0.0.1:1"])._clean_receive_backup(0, "channel")


async def test_a_channel_of_another_process_joins_no_group_over_postgresql() -> None:
    over_postgres = PostgresChannelLayer("postgres://nowhere.invalid/")
    with pytest.raises(RuntimeError, match=r"specific!elsewhere is no channel of this process"):
        await over_postgres.group_add("lobby", "specific!elsewhere")


async def test_a_channel_ends_with_the_task_that_made_it_over_postgresql(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(LoopPart, "listen", AsyncMock())
    over_postgres = PostgresChannelLayer("postgres://nowhere.invalid/")
    channel = await over_postgres.new_channel()
    await over_postgres.group_add("lobby", channel)
    forget_made()
    with pytest.raises(RuntimeError, match=r"is no channel of this process"):
        await over_postgres.group_add("lobby", channel)
