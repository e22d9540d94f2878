"""Which requests may have the headers of a proxy."""

import pytest

from operations.endpoints import Operations
from operations.proxies import PRIVATE_NETWORKS, FromProxies
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
