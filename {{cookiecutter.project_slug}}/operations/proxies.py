"""What a proxy says about its client: it reaches the ASGI scope, from the site's proxies only."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from realtime.asgi import Application, Receive, Scope, Send

Address = IPv4Address | IPv6Address
Headers = Iterable[tuple[bytes, bytes]]

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
# What any proxy adds: X-Forwarded-*, Forwarded, X-Real-IP, CF-Connecting-IP, True-Client-IP ...
FORWARDED = re.compile(rb".*forwarded.*|.*-ip|via|cdn-loop|x-envoy-.*|x-remote-addr")
TLS = {"https": "s", "wss": "s", "http": "", "ws": ""}


class Networks:
    """A set of networks, such as `10.0.0.0/8`."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ip_network(each) for each in networks]

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, text: str) -> bool:
        address = parse_address(text)
        return bool(address) and any(address in network for network in self._networks)


class FromProxies:
    """An ASGI application in whose scope `client` and `scheme` are those of the browser.

    X-Forwarded-For and X-Forwarded-Proto of a proxy say them, to pages and sockets alike and on
    every ASGI server. From elsewhere, the headers of proxies are removed.

    Args:
        proxies: the networks that proxies are in; none if the site has no proxy.
    """

    def __init__(self, application: Application, proxies: list[str]) -> None:
        self._application = application
        self._proxies = Networks(proxies)
        # People are in private networks too: unless proxies are named, there is one before them.
        self._in_a_row = proxies != PRIVATE_NETWORKS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "headers" in scope:
            if scope.get("type") != "websocket":  # which would keep both scopes while it lasts
                scope = {**scope}
            scope.update(self._corrections(scope))
        await self._application(scope, receive, send)

    def _corrections(self, scope: Scope) -> Scope:
        client = scope.get("client")
        changes = self._told(scope) if self._is_proxy(client) else _untold(scope)
        return {"client": _plain(client), **changes}

    def _is_proxy(self, client: tuple[str, int] | None) -> bool:
        if not client or not client[0]:
            return bool(self._proxies)  # a Unix socket, which only this machine reaches
        return client[0] in self._proxies

    def _told(self, scope: Scope) -> Scope:
        told: Scope = {}
        # As Django reads lists: the first proxy speaks of the browser, the next ones of proxies.
        said = _value(scope["headers"], b"x-forwarded-proto").split(",")[0].strip().lower()
        if said in TLS:
            told["scheme"] = ("ws" if scope.get("type") == "websocket" else "http") + TLS[said]
        # From the right, since a client can make up what its proxy then appends to.
        for hop in reversed(_value(scope["headers"], b"x-forwarded-for").split(",")):
            address = parse_address(hop)
            if address is None:
                break
            told["client"] = (str(address), 0)
            if not (self._in_a_row and hop in self._proxies):
                break
        return told


def parse_address(text: str) -> Address | None:
    """The IP address in `203.0.113.7`, `203.0.113.7:80`, `2001:db8::7` or `[2001:db8::7]:80`."""
    text = text.strip()
    for bare in (text, text.rpartition(":")[0] or text):
        try:
            address = ip_address(bare.strip("[]"))
        except ValueError:
            continue
        return getattr(address, "ipv4_mapped", None) or address  # of a socket for IPv4 and IPv6
    return None


def is_forwarded(scope: Scope) -> bool:
    """Whether a request has a header that some proxy adds."""
    return any(FORWARDED.fullmatch(name) for name, _ in scope.get("headers", ()))


def _plain(client: tuple[str, int] | None) -> tuple[str, int] | None:
    """A client of IPv4 as such: a socket for both calls it `::ffff:192.0.2.1`."""
    address = parse_address(client[0]) if client else None
    return (str(address), client[1]) if client and address else client


def _untold(scope: Scope) -> Scope:
    return {"headers": [each for each in scope["headers"] if each[0] not in PROXY_HEADERS]}


def _value(headers: Headers, name: bytes) -> str:
    return b",".join(value for each, value in headers if each == name).decode("latin-1")
