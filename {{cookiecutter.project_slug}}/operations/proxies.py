"""Headers about the client of a proxy, trusted from the site's proxies only."""

import re
from ipaddress import ip_address, ip_network

from realtime.asgi import Application, Receive, Scope, Send

PRIVATE_NETWORKS = [
    "10.0.0.0/8",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "fc00::/7",
]
PROXY_HEADERS = {
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-proto",
    b"x-request-id",
}
MAPPED = re.compile(rb"\[?::ffff:(\d+\.\d+\.\d+\.\d+)\]?", re.IGNORECASE)


class FromProxies:
    """An ASGI application that removes these headers unless the request comes from a proxy.

    Args:
        proxies: the networks that proxies are in, such as `10.0.0.0/8`; none if the site has no
            proxy.
    """

    def __init__(self, application: Application, proxies: list[str]) -> None:
        self._application = application
        self._networks = [ip_network(proxy) for proxy in proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = with_plain_addresses(scope)
        if "headers" in scope and not self._is_proxy(scope.get("client")):
            kept = [header for header in scope["headers"] if header[0] not in PROXY_HEADERS]
            scope = {**scope, "headers": kept}
        await self._application(scope, receive, send)

    def _is_proxy(self, client: tuple[str, int] | None) -> bool:
        if not client or not client[0]:
            return bool(self._networks)  # a Unix socket, which only this machine reaches
        address = ip_address(client[0])
        return any(address in network for network in self._networks)


def with_plain_addresses(scope: Scope) -> Scope:
    """The scope with clients of IPv4 as such: a socket for both calls them `::ffff:192.0.2.1`.

    They would be in no network of IPv4, and all in one of IPv6.
    """
    client, headers = scope.get("client"), scope.get("headers", ())
    if client and (match := MAPPED.fullmatch(client[0].encode())):
        scope = {**scope, "client": (match[1].decode(), client[1])}
    if any(name == b"x-forwarded-for" and MAPPED.search(value) for name, value in headers):
        plain = [
            (name, MAPPED.sub(rb"\1", value) if name == b"x-forwarded-for" else value)
            for name, value in headers
        ]
        scope = {**scope, "headers": plain}
    return scope
