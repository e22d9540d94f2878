"""Which requests may have the headers of a proxy."""

import pytest
from allauth import app_settings
from allauth.core.internal.ratelimit import get_ip
from django.test import RequestFactory

from operations.endpoints import Operations
from operations.proxies import PRIVATE_NETWORKS, FromProxies, with_plain_addresses
from realtime.asgi import Message, Receive, Scope, Send

GIVEN = [(b"host", b"site"), (b"x-forwarded-for", b"1.2.3.4"), (b"x-forwarded-proto", b"https")]


async def headers_seen(client: tuple[str, int] | None, proxies: list[str]) -> set[bytes]:
    seen: list[Scope] = []

    async def site(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def receive() -> Message:
        raise AssertionError("the application reads")

    async def send(message: Message) -> None:
        raise AssertionError("the application answers")

    await FromProxies(site, proxies)({"headers": GIVEN, "client": client}, receive, send)
    return {name for name, _ in seen[0]["headers"]}


@pytest.mark.parametrize(
    ("client", "proxies", "trusted"),
    [
        (("172.20.0.5", 1), PRIVATE_NETWORKS, True),
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


@pytest.mark.parametrize("proxies", [[], PRIVATE_NETWORKS])
@pytest.mark.parametrize("scope", [{"type": "channel", "channel": "a"}, {"type": "lifespan"}])
async def test_a_scope_without_headers_is_passed_on_unchanged(
    scope: Scope, proxies: list[str]
) -> None:
    seen: list[Scope] = []

    async def site(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def receive() -> Message:
        raise AssertionError("the application reads")

    async def send(message: Message) -> None:
        raise AssertionError("the application answers")

    await FromProxies(Operations(site), proxies)(scope, receive, send)
    assert seen == [scope]


@pytest.mark.parametrize(
    ("client", "trusted"), [(("::ffff:10.0.0.7", 1), True), (("::FFFF:203.0.113.9", 1), False)]
)
async def test_a_client_of_ipv4_is_one_on_a_socket_for_both(
    client: tuple[str, int], trusted: bool
) -> None:
    assert (b"x-forwarded-for" in await headers_seen(client, ["10.0.0.0/8"])) is trusted
    plain = with_plain_addresses({"client": client})["client"][0]
    assert plain == client[0].lower().removeprefix("::ffff:")


@pytest.mark.parametrize("client", [None, ("", 0), ("::1", 1), ("10.0.0.7", 1), ("2001:db8::1", 1)])
def test_other_clients_stay_as_they_are(client: tuple[str, int] | None) -> None:
    assert with_plain_addresses({"client": client})["client"] == client


@pytest.mark.parametrize(
    ("forwarded", "limited"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::"),
        ("[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::FFFF:192.0.2.1]:4711", "192.0.2.1"),
        ("spoofed, [2001:db8:1:2:3::4]:4711", "2001:db8:1:2::"),
    ],
)
def test_attempts_are_counted_by_address_or_by_network_of_ipv6(
    forwarded: str, limited: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_settings, "TRUSTED_PROXY_COUNT", 1, raising=False)
    scope = with_plain_addresses({"headers": [(b"x-forwarded-for", forwarded.encode())]})
    plain = scope["headers"][0][1].decode()
    request = RequestFactory().get("/", headers={"X-Forwarded-For": plain})
    assert get_ip(request) == limited
