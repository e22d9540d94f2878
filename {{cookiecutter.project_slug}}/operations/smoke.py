"""Check a deployed site from outside: `python -m operations.smoke https://chat.example.com`.

It gets the sign-in page and opens WebSockets without being signed in, so it leaves nothing behind.
It prints a line for each check that passes; at the first that fails it prints why and exits 1. It
needs no package, so it runs on any machine with Python and this project's files.
"""

import base64
import os
import re
import socket
import ssl
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import SplitResult, urlsplit

ANSWER_SECONDS = 10
PAGE = "/accounts/login/"
SOCKET = "/ws/"
# As in realtime.protocol, which needs a package.
PROTOCOL = "realtime.v1"
UNAUTHENTICATED, FORBIDDEN = 4401, 4403
PROXY = (
    "Check ALLOWED_HOSTS, BEHIND_PROXY and PROXIES, and that the proxy passes Host on and sets "
    "X-Forwarded-Proto: docs/operations.md, Behind a proxy."
)

CSRF_COOKIE = re.compile(r"([\w-]*)csrftoken=")
CLOSE_FRAME = 0x88


class CheckFailed(Exception):
    """An answer is wrong; the text says what it was, what it means and what to check."""


class Site:
    """A site as its visitors reach it.

    Args:
        url: its address, such as `https://chat.example.com`.
        at: the host and port to connect to instead of those in `url`.
    """

    def __init__(self, url: SplitResult, at: tuple[str, int] | None = None) -> None:
        self.host = url.netloc
        self.name = url.hostname or ""
        self.is_secure = url.scheme == "https"
        self.origin = f"{url.scheme}://{self.host}"
        self._session_cookie = "sessionid"
        self._place = at or (self.name, url.port or (443 if self.is_secure else 80))

    def check_page(self) -> str:
        with self._answer(PAGE, {}) as answer:
            if answer.status != 200:
                if answer.headers["Location"] == self.origin + PAGE:
                    raise CheckFailed(
                        f"{PAGE} leads to itself: the site does not know that its visitors speak "
                        f"TLS. {PROXY}"
                    )
                raise CheckFailed(f"{_given(PAGE, answer)} in place of 200. {_meaning(answer)}")
            if self.is_secure and not answer.headers["Strict-Transport-Security"]:
                raise CheckFailed(f"{PAGE} has no Strict-Transport-Security: a proxy removes it.")
            if found := CSRF_COOKIE.match(answer.headers["Set-Cookie"] or ""):
                self._session_cookie = f"{found[1]}sessionid"  # as config.settings names them
        return f"{PAGE} answers 200."

    def check_own_origin(self) -> str:
        """Send the key of no session, so that the server has to ask its database."""
        code, reason = self._close_of_socket(self.origin)
        if code == FORBIDDEN:
            raise CheckFailed(
                f"{SOCKET} refuses {self.origin}, the site's own origin. {PROXY} "
                "The server's log says which origin it expects."
            )
        if code != UNAUTHENTICATED:
            raise CheckFailed(
                f"{SOCKET} closes with {code} ({reason}) in place of {UNAUTHENTICATED}. "
                "Look at the server's log."
            )
        return f"{SOCKET} opens a WebSocket, and asks who is there."

    def check_foreign_origin(self) -> str:
        code, reason = self._close_of_socket("https://foreign.invalid")
        if code != FORBIDDEN:
            raise CheckFailed(
                f"{SOCKET} closes with {code} ({reason}) in place of {FORBIDDEN} for the page of "
                "another site. Check that no proxy rewrites Origin."
            )
        return f"{SOCKET} refuses the pages of other sites."

    def _close_of_socket(self, origin: str) -> tuple[int, str]:
        """The code and the reason with which the server closes a new WebSocket."""
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Protocol": PROTOCOL,
            "Origin": origin,
            "Cookie": f"{self._session_cookie}=of-nobody",
        }
        with self._answer(SOCKET, headers) as answer:
            if answer.status != 101:
                raise CheckFailed(f"{_given(SOCKET, answer)} in place of 101. {_meaning(answer)}")
            if answer.headers["Sec-WebSocket-Protocol"] != PROTOCOL:
                raise CheckFailed(f"{SOCKET} is not a WebSocket that speaks {PROTOCOL}.")
            return _close_frame(answer)

    @contextmanager
    def _answer(self, path: str, headers: Mapping[str, str]) -> Iterator[HTTPResponse]:
        connection = HTTPConnection(self.host)
        try:
            connection.sock = self._connect()
            connection.request("GET", path, headers={"Host": self.host, **headers})
            yield connection.getresponse()
        except ssl.SSLCertVerificationError as error:
            raise CheckFailed(
                f"The certificate of {self.name} is not valid: {error.verify_message}."
            ) from None
        except TimeoutError:
            raise CheckFailed(f"{path}: no answer in {ANSWER_SECONDS} seconds.") from None
        except (OSError, HTTPException) as error:
            host, port = self._place
            raise CheckFailed(f"{path}: {host}:{port} does not answer: {error!r}.") from None
        finally:
            connection.close()

    def _connect(self) -> socket.socket:
        plain = socket.create_connection(self._place, ANSWER_SECONDS)
        if not self.is_secure:
            return plain
        with plain:  # closed if there is no TLS; otherwise it is part of what is returned
            return ssl.create_default_context().wrap_socket(plain, server_hostname=self.name)


def _given(path: str, answer: HTTPResponse) -> str:
    location = answer.headers["Location"]
    return f"{path} answers {answer.status}" + (f" (to {location})" if location else "")


def _meaning(answer: HTTPResponse) -> str:
    if answer.status in (502, 503, 504):
        return "The proxy reaches no server: look at the server's log."
    if answer.headers["Location"]:
        return "Give the address that this leads to."
    if answer.status >= 500:
        return "Look at the server's log."
    return "Something else answers there, or a proxy does not pass Host or Upgrade on."


def _close_frame(answer: HTTPResponse) -> tuple[int, str]:
    """Read the frame that the server sends first, which must be a close frame."""
    first = answer.fp.read(2)
    if len(first) < 2:
        raise CheckFailed(f"{SOCKET} opens, and the connection ends without a close frame.")
    if first[0] != CLOSE_FRAME:
        raise CheckFailed(f"{SOCKET} lets in someone who is not signed in.")
    payload = answer.fp.read(first[1])
    return int.from_bytes(payload[:2], "big"), payload[2:].decode(errors="replace")


def _address(text: str) -> SplitResult:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ArgumentTypeError(f"{text} is not an address such as https://chat.example.com")
    return parts


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise ArgumentTypeError(f"{text} is not a place such as proxy:443")
    return host.strip("[]"), int(port)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser("python -m operations.smoke", description="Check a deployed site.")
    parser.add_argument(
        "url", type=_address, help="the site's address, such as https://chat.example.com"
    )
    parser.add_argument(
        "--at", type=_place, metavar="HOST:PORT", help="connect there, whatever DNS says"
    )
    options = parser.parse_args(arguments)
    site = Site(options.url, options.at)
    for check in (site.check_page, site.check_own_origin, site.check_foreign_origin):
        try:
            print(check())
        except CheckFailed as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
