"""Which requests may have the headers of a proxy."""

import pytest
from allauth.core.internal.ratelimit import get_ip
from django.test import RequestFactory

from operations.endpoints import Operations
from operations.proxies import PRIVATE_NETWORKS, FromProxies
from realtime.asgi import Message, Receive, Scope, Send

GIVEN = [(b"host", b"site"), (b"x-forwarded-for", b"1.2.3.4"), (b"x-forwarded-proto", b"https")]


async def headers_seen(client: tuple[str, int] | None, proxies: list[str]) -> set[bytes]:
    seen = await scope_seen({"headers": GIVEN, "client": client}, proxies)
    return {name for name, _ in seen["headers"]}


async def scope_seen(scope: Scope, proxies: list[str]) -> Scope:
    """The scope that an application behind proxies is called with."""
    seen: list[Scope] = []

    async def site(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def receive() -> Message:
        raise AssertionError("the application reads")

    async def send(message: Message) -> None:
        raise AssertionError("the application answers")

    await FromProxies(site, proxies)(scope, receive, send)
    return seen[0]


@pytest.mark.parametrize(
    ("client", "proxies", "trusted"),
    [
        (("172.20.0.5", 1), PRIVATE_NETWORKS, True),
        (("::ffff:172.20.0.5", 1), PRIVATE_NETWORKS, True),
        (("::ffff:8.8.8.8", 1), PRIVATE_NETWORKS, False),
        (("unknown", 1), PRIVATE_NETWORKS, False),
        (("::1", 1), PRIVATE_NETWORKS, True),
        (None, PRIVATE_NETWORKS, True),
        (("203.0.113.9", 1), PRIVATE_NETWORKS, False),
        (("172.20.0.5", 1), ["10.0.0.0/8"], False),
        (("127.0.0.1", 1), [], False),
        (None, [], False),
        (("", 0), PRIVATE_NETWORKS, True),
        (("", 0), [], False),
    ],
)
async def test_only_a_proxy_is_trusted(
    client: tuple[str, int] | None, proxies: list[str], trusted: bool
) -> None:
    expected = {b"host", b"x-forwarded-for", b"x-forwarded-proto"} if trusted else {b"host"}
    assert await headers_seen(client, proxies) == expected


CDN, BALANCER, PERSON = "198.51.100.4", "10.0.0.2", "203.0.113.9"
CHAIN = [f"{CDN}/32", "10.0.0.0/8", "127.0.0.1/32"]


@pytest.mark.parametrize(
    ("proxies", "forwarded_for", "client"),
    [
        # one proxy, which writes the address or appends it to what its client made up
        (PRIVATE_NETWORKS, [PERSON], PERSON),
        (PRIVATE_NETWORKS, [f"1.2.3.4, {PERSON}"], PERSON),
        (PRIVATE_NETWORKS, ["1.2.3.4", PERSON], PERSON),
        (PRIVATE_NETWORKS, ["1.2.3.4, 192.168.0.7"], "192.168.0.7"),
        (PRIVATE_NETWORKS, ["1.2.3.4, 127.0.0.1"], "127.0.0.1"),
        (PRIVATE_NETWORKS, [f"{PERSON}:4711"], PERSON),
        (PRIVATE_NETWORKS, ["2001:db8::7"], "2001:db8::7"),
        (PRIVATE_NETWORKS, ["[2001:db8::7]"], "2001:db8::7"),
        (PRIVATE_NETWORKS, ["[2001:db8::7]:4711"], "2001:db8::7"),
        (PRIVATE_NETWORKS, [f"::ffff:{PERSON}"], PERSON),
        # the proxy's own, where it says nothing that can be read
        (PRIVATE_NETWORKS, [], "127.0.0.1"),
        (PRIVATE_NETWORKS, [""], "127.0.0.1"),
        (PRIVATE_NETWORKS, ["unknown"], "127.0.0.1"),
        (PRIVATE_NETWORKS, [f"{PERSON}, unknown"], "127.0.0.1"),
        (PRIVATE_NETWORKS, [f"{PERSON},"], "127.0.0.1"),
        (PRIVATE_NETWORKS, ["\x00\xff]"], "127.0.0.1"),
        # several, which are named
        (CHAIN, [f"{PERSON}, {CDN}, {BALANCER}"], PERSON),
        (CHAIN, [f"1.2.3.4, {PERSON}, {CDN}, {BALANCER}"], PERSON),
        (CHAIN, [PERSON, CDN, BALANCER], PERSON),
        (CHAIN, [f"1.2.3.4, {PERSON}, {BALANCER}"], PERSON),  # past the CDN
        (CHAIN, [f"{CDN}, {BALANCER}"], CDN),
        (CHAIN, [f"unknown, {BALANCER}"], BALANCER),
        # none, or not from one
        (["10.0.0.0/8"], [PERSON], "127.0.0.1"),
        ([], [PERSON], "127.0.0.1"),
    ],
)
@pytest.mark.parametrize("type", ["http", "websocket"])
async def test_the_client_is_the_last_address_that_no_proxy_has(
    type: str, proxies: list[str], forwarded_for: list[str], client: str
) -> None:
    headers = [(b"x-forwarded-for", each.encode("latin-1")) for each in forwarded_for]
    scope = {"type": type, "headers": headers, "client": ("127.0.0.1", 1)}
    assert (await scope_seen(scope, proxies))["client"][0] == client


@pytest.mark.parametrize(("type", "scheme"), [("http", "https"), ("websocket", "wss")])
async def test_a_proxy_at_a_unix_socket_says_who_its_client_is(type: str, scheme: str) -> None:
    scope = {"type": type, "headers": GIVEN, "client": None}
    seen = await scope_seen(scope, PRIVATE_NETWORKS)
    assert (seen["client"], seen["scheme"]) == (("1.2.3.4", 0), scheme)


@pytest.mark.parametrize("proxies", [[], PRIVATE_NETWORKS])
@pytest.mark.parametrize("scope", [{"type": "channel", "channel": "a"}, {"type": "lifespan"}])
async def test_a_scope_without_headers_is_passed_on_unchanged(
    scope: Scope, proxies: list[str]
) -> None:
    seen = await scope_seen(scope, proxies)
    assert seen == scope


@pytest.mark.parametrize("scope", [{"type": "channel", "channel": "a"}, {"type": "lifespan"}])
async def test_health_checks_pass_on_what_is_no_request(scope: Scope) -> None:
    seen: list[Scope] = []

    async def site(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def receive() -> Message:
        raise AssertionError("the application reads")

    async def send(message: Message) -> None:
        raise AssertionError("the application answers")

    await Operations(site)(scope, receive, send)
    assert seen == [scope]


@pytest.mark.parametrize(
    ("client", "seen"),
    [
        (("::ffff:192.0.2.1", 1), ("192.0.2.1", 1)),  # of IPv4, on a socket for both
        (("::FFFF:203.0.113.9", 1), ("203.0.113.9", 1)),
        (("::1", 1), ("::1", 1)),
        (("10.0.0.7", 1), ("10.0.0.7", 1)),
        (("2001:db8::1", 1), ("2001:db8::1", 1)),
        (("", 0), ("", 0)),
        (None, None),
    ],
)
async def test_a_client_of_ipv4_is_one_on_a_socket_for_both(
    client: tuple[str, int] | None, seen: tuple[str, int] | None
) -> None:
    assert (await scope_seen({"headers": [], "client": client}, []))["client"] == seen


@pytest.mark.parametrize(
    ("client", "limited"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::"),
    ],
)
async def test_attempts_are_counted_by_address_or_by_network_of_ipv6(
    client: str, limited: str
) -> None:
    scope = await scope_seen({"headers": [], "client": (client, 1)}, [])
    assert get_ip(RequestFactory().get("/", REMOTE_ADDR=scope["client"][0])) == limited
