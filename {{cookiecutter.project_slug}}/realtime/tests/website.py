"""A website to test with."""

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

HTML = {"Content-Type": "text/html"}


class Website(ThreadingHTTPServer):
    """Has `pages` by their paths, each a status, headers and the pieces of a body."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, tuple[int, dict[str, str], Iterable[bytes]]] = {}
        self.seconds = 0.0
        """How long it thinks before each answer."""
        self.asked: list[tuple[str, dict[str, str]]] = []

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def add(self, path: str, html: str, **headers: str) -> str:
        """A page; returns its address."""
        self.pages[path] = 200, HTML | headers, [html.encode()]
        return self.url(path)


class _Handler(BaseHTTPRequestHandler):
    server: Website

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.path, headers))
        time.sleep(self.server.seconds)
        status, said, pieces = self.server.pages.get(self.path, (404, HTML, [b"<title>Gone"]))
        self.send_response(status)
        for name, value in said.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):  # the client has had enough
            for piece in pieces:
                self.wfile.write(piece)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Website]:
    website = Website()
    thread = threading.Thread(target=website.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield website
    finally:
        website.shutdown()
        thread.join()
        website.server_close()


look_up = socket.getaddrinfo


class Internet:
    """Has names with addresses, and leads every connection to one website."""

    def __init__(self, website: Website) -> None:
        self.names: dict[str, list[str]] = {}
        self.connected: list[tuple[str, int]] = []
        self.website = website

    # Any: the socket module's
    def look_up(self, host: str, port: int, *others: Any, **kwargs: Any) -> list[Any]:
        if others:  # a thread that connects to Redis meanwhile; posting.py names what it gives
            return look_up(host, port, *others, **kwargs)
        if host not in self.names:
            raise socket.gaierror("unknown")
        found = self.names[host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    def connect(self, address: tuple[str, int], *args: object, **kwargs: object) -> socket.socket:
        self.connected.append(address)
        connected = socket.socket()
        connected.connect(("127.0.0.1", self.website.server_port))  # looks nothing up
        return connected


def connected_to(website: Website, monkeypatch: pytest.MonkeyPatch) -> Internet:
    internet = Internet(website)
    monkeypatch.setattr(socket, "getaddrinfo", internet.look_up)
    monkeypatch.setattr("urllib3.util.connection.create_connection", internet.connect)
    return internet
