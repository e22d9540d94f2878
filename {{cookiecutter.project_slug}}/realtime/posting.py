"""Posting to addresses that people gave, such as of a webhook: none may lead into our own network.

Only https to the standard port goes out, and http for `realtime.fetching`. The name is looked up
once, every address that it has must be public, and the connection is made to exactly that address,
so that a second look-up cannot differ. `ALLOW_PRIVATE_ADDRESSES` lifts this, to try it.
"""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

ANSWER_SECONDS = 10
PORTS = {"http": 80, "https": 443}
GLOBAL_UNICAST = IPv6Network("2000::/3")
"""Beyond it are addresses of one network, and IPv4 addresses in disguise."""


class BadAddress(Exception):
    """An address to which no request is made."""


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
    _parse(url, ["https"])


def post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Post `body`; redirections are not followed, and what is answered is not read.

    Raises:
        BadAddress: it leads to an address that is not public.
        Unreachable: no answer within `ANSWER_SECONDS`.
    """
    with (
        closing(Deadline(ANSWER_SECONDS)) as deadline,
        requesting("POST", url, headers, body, schemes=["https"], deadline=deadline) as response,
    ):
        after = response.headers.get("Retry-After", "")
        return Answer(response.status, int(after) if after.isdecimal() and len(after) < 8 else None)


class Deadline:
    """Shuts down connections that are still busy at a time: a timeout limits each read only."""

    def __init__(self, seconds: float) -> None:
        self._at = monotonic() + seconds
        self._done = Event()

    def close(self) -> None:
        self._done.set()

    def left(self) -> float:
        """The seconds until then.

        Raises:
            Unreachable: there are none.
        """
        seconds = self._at - monotonic()
        if seconds <= 0:
            raise Unreachable(_("no answer in time"))
        return seconds

    def watch(self, connected: socket.socket) -> None:
        line = connected.dup()  # TLS takes the socket itself over
        Thread(target=self._cut_off, args=[line], daemon=True).start()

    def _cut_off(self, line: socket.socket) -> None:
        with line, suppress(OSError):  # it is closed already
            if not self._done.wait(self._at - monotonic()):
                line.shutdown(socket.SHUT_RDWR)


@contextmanager
def requesting(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
    *,
    schemes: Sequence[str],
    deadline: Deadline,
) -> Iterator[BaseHTTPResponse]:
    """The answer to a request, which may be a redirection and is not read yet.

    Args:
        schemes: of which the address may be, each on its standard port.

    Raises:
        BadAddress: it leads to an address that is not public.
        Unreachable: no answer, or reading it failed or was not done before the deadline.
    """
    scheme, host, port, path = _parse(url, schemes)
    address = _look_up(host, port, deadline)
    options: dict[str, Any] = {"timeout": deadline.left(), "deadline": deadline}
    pool = (
        _SecurePool(address, port, server_hostname=host, assert_hostname=host, **options)
        if scheme == "https"
        else _Pool(address, port, **options)
    )
    with pool:
        try:
            response = pool.request(
                method,
                path,
                body=body,
                headers={**headers, "Host": urlsplit(url).netloc},
                redirect=False,
                retries=False,
                preload_content=False,
            )
            with closing(response):
                yield response
        except (HTTPError, OSError, ValueError) as error:  # the last for a chunk of -1 bytes
            raise Unreachable(f"{type(error).__name__}: {error}") from error
    deadline.left()  # what was cut off may look like an answer


class _Connection(HTTPConnection):
    def __init__(self, *args: Any, deadline: Deadline, **options: Any) -> None:  # Any: urllib3's
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


def _parse(url: str, schemes: Sequence[str]) -> tuple[str, str, int, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadAddress(str(error)) from None
    plain = url.isascii() and url.isprintable() and parts.username is None
    if not host or not plain:
        raise BadAddress(
            _("This is not an address to post to: write one such as https://example.com/in.")
        )
    if not settings.ALLOW_PRIVATE_ADDRESSES:
        if parts.scheme not in schemes or port not in (None, PORTS[parts.scheme]):
            raise BadAddress(_("Write an https address on the standard port."))
        if not _is_public_or_name(host):
            raise BadAddress(_("This address is not a public one."))
    elif parts.scheme not in PORTS:
        raise BadAddress(_("Write an https address."))
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return parts.scheme, host, port or PORTS[parts.scheme], path


def _look_up(host: str, port: int, deadline: Deadline) -> str:
    found = SimpleQueue[list[str]]()  # the resolver knows no deadline
    Thread(target=lambda: found.put(_addresses(host, port)), daemon=True).start()
    try:
        addresses = found.get(timeout=deadline.left())
    except Empty:
        addresses = []
    if not addresses:
        raise Unreachable(_("%(host)s is not found") % {"host": host})
    if not settings.ALLOW_PRIVATE_ADDRESSES and not all(map(_is_public, addresses)):
        raise BadAddress(_("%(host)s has an address that is not a public one.") % {"host": host})
    return addresses[0]


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(address[0]) for *_, address in found]


def _is_public_or_name(host: str) -> bool:
    try:
        return _is_public(host)
    except ValueError:
        return True


def _is_public(text: str) -> bool:
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and (
        address not in GLOBAL_UNICAST or address.sixtofour or address.teredo
    ):
        return False
    return address.is_global and not address.is_multicast
