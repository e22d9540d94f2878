"""Posting to addresses that people gave, such as of a webhook: none may lead into our own network.

Only https to the standard port goes out; the name is looked up once, every address that it has must
be public, and the connection is made to exactly that address, so that a second look-up cannot
differ. `ALLOW_PRIVATE_ADDRESSES` lifts this, to try it.
"""

import socket
from contextlib import closing, suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from threading import Event, Thread
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

ANSWER_SECONDS = 10
NAT64 = IPv6Network("64:ff9b::/96")


class BadAddress(Exception):
    """An address that is never posted to."""


class Unreachable(Exception):
    """No answer; a later try may succeed."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    retry_after: int | None
    """Seconds."""


def check_address(url: str) -> None:
    """Refuse what is never posted to.

    Raises:
        BadAddress: it is not https on the standard port, or is written as a private address.
    """
    _parse(url)


def post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Post `body`; redirections are not followed, and what is answered is not read.

    Raises:
        BadAddress: it leads to an address that is not public.
        Unreachable: no answer within `ANSWER_SECONDS`.
    """
    scheme, host, port, path = _parse(url)
    address = _look_up(host, port)
    deadline = _Deadline(monotonic() + ANSWER_SECONDS)
    options: dict[str, Any] = {"timeout": ANSWER_SECONDS, "deadline": deadline}
    pool = (
        _SecurePool(address, port, server_hostname=host, assert_hostname=host, **options)
        if scheme == "https"
        else _Pool(address, port, **options)
    )
    with pool, closing(deadline):
        try:
            response = pool.request(
                "POST",
                path,
                body=body,
                headers={**headers, "Host": urlsplit(url).netloc},
                redirect=False,
                retries=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        response.close()
    if monotonic() >= deadline.at:  # what was cut off may look like an answer
        raise Unreachable(f"no answer in {ANSWER_SECONDS} seconds")
    after = response.headers.get("Retry-After", "")
    return Answer(response.status, int(after) if after.isdecimal() and len(after) < 8 else None)


class _Deadline:
    """Shuts down a connection that is still busy at a time: a timeout limits each read only."""

    def __init__(self, at: float) -> None:
        self.at = at
        self._done = Event()

    def close(self) -> None:
        self._done.set()

    def watch(self, connected: socket.socket) -> None:
        line = connected.dup()  # TLS takes the socket itself over
        Thread(target=self._cut_off, args=[line], daemon=True).start()

    def _cut_off(self, line: socket.socket) -> None:
        with line, suppress(OSError):  # it is closed already
            if not self._done.wait(self.at - monotonic()):
                line.shutdown(socket.SHUT_RDWR)


class _Connection(HTTPConnection):
    def __init__(self, *args: Any, deadline: _Deadline, **options: Any) -> None:  # Any: urllib3's
        super().__init__(*args, **options)
        self._deadline = deadline

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        self._deadline.watch(connected)
        return connected


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _parse(url: str) -> tuple[str, str, int, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadAddress(str(error)) from None
    plain = url.isascii() and url.isprintable() and parts.username is None
    if not host or not plain:
        raise BadAddress(
            "This is not an address to post to: write one such as https://example.com/in."
        )
    if not settings.ALLOW_PRIVATE_ADDRESSES:
        if parts.scheme != "https" or port not in (None, 443):
            raise BadAddress("Write an https address on the standard port.")
        if not _is_public_or_name(host):
            raise BadAddress("This address is not a public one.")
    elif parts.scheme not in ("http", "https"):
        raise BadAddress("Write an https address.")
    default = 443 if parts.scheme == "https" else 80
    path = parts.path or "/"
    return parts.scheme, host, port or default, f"{path}?{parts.query}" if parts.query else path


def _look_up(host: str, port: int) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"{host}: {error}") from error
    addresses = [str(address[0]) for *_, address in found]
    if not settings.ALLOW_PRIVATE_ADDRESSES and not all(map(_is_public, addresses)):
        raise BadAddress(f"{host} has an address that is not a public one.")
    return addresses[0]


def _is_public_or_name(host: str) -> bool:
    try:
        return _is_public(host)
    except ValueError:
        return True


def _is_public(text: str) -> bool:
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and (
        address.ipv4_mapped or address.sixtofour or address.teredo or address in NAT64
    ):
        return False  # an IPv4 address in disguise
    return address.is_global and not address.is_multicast
