"""Headers about the client of a proxy, trusted from the site's proxies only."""

from ipaddress import IPv6Address, ip_address, ip_network

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
        scope = with_plain_client(scope)
        if "headers" in scope and not self._is_proxy(scope.get("client")):
            kept = [header for header in scope["headers"] if header[0] not in PROXY_HEADERS]
            scope = {**scope, "headers": kept}
        await self._application(scope, receive, send)

    def _is_proxy(self, client: tuple[str, int] | None) -> bool:
        if not client or not client[0]:
            return bool(self._networks)  # a Unix socket, which only this machine reaches
        address = ip_address(client[0])
        return any(address in network for network in self._networks)


def with_plain_client(scope: Scope) -> Scope:
    """The scope with an IPv4 client as such: a socket for IPv6 too calls it `::ffff:192.0.2.1`."""
    client = scope.get("client")
    if not client or not client[0].lower().startswith("::ffff:"):
        return scope
    address = IPv6Address(client[0]).ipv4_mapped or client[0]
    return {**scope, "client": (str(address), client[1])}
