"""Each form of REDIS_URL."""

import pytest

from realtime.redis import Sentinels, check_url, layer_hosts, servers

ONE = "redis://:secret@one:6379/0"
TWO = "rediss://two:6380/1"
SENTINEL = "sentinel://:se%40cret@a:26379,b/mymaster?db=2"


@pytest.mark.parametrize(
    "url", [ONE, TWO, f"{ONE},{TWO}", "unix:///run/redis.sock", SENTINEL, "redis://[::1]/1"]
)
def test_an_address_is_taken(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "redis",
        "redis:6379",
        "redis://",
        "redis://host:port",
        "redis://host:0/0",
        "redis://host/first",
        "http://host",
        "unix://",
        f"{ONE},",
        "sentinel://a:26379",
        "sentinel:///mymaster",
        "sentinel://a:26379/mymaster?db=x",
    ],
)
def test_what_is_no_address_is_refused_by_name(url: str) -> None:
    with pytest.raises(ValueError, match="is not the address of a Redis"):
        check_url(url)


def test_the_layer_spreads_over_all_servers() -> None:
    assert [host["address"] for host in layer_hosts(f"{ONE},{TWO}")] == [ONE, TWO]
    assert servers(f"{ONE},{TWO}") == [ONE, TWO]


def test_sentinels_are_asked_for_the_master() -> None:
    (host,) = layer_hosts(SENTINEL)
    assert host["sentinels"] == [("a", 26379), ("b", 26379)]
    assert (host["master_name"], host["db"]) == ("mymaster", 2)
    assert host["password"] == host["sentinel_kwargs"]["password"] == "se@cret"
    assert Sentinels.from_url(ONE) is None
