"""The production server of a bake, over its services: pages and files are there, and it stops."""

import re
import socket
from http.client import HTTPResponse
from urllib.request import urlopen

import pytest

from tests.conftest import Bake, Serve

# How each server words its refusal of what is no HTTP.
REFUSALS = {"daphne": b"", "uvicorn": b"Invalid HTTP request received."}


@pytest.mark.parametrize("asgi_server", ["daphne", "uvicorn"])
def test_a_server_answers_and_stops_without_a_complaint(
    bake: Bake, serve: Serve, redis_url: str, postgres_url: str, asgi_server: str
) -> None:
    site = bake(asgi_server=asgi_server, project_name="Café & Co")
    server = serve(site, REDIS_URL=redis_url, DATABASE_URL=postgres_url)

    page = text(urlopen(f"{server.url}/accounts/login/"))
    assert "Café &amp; Co" in page
    styles = re.findall(r'href="(/static/[^"]+\.css)"', page)
    assert styles
    for style in styles:
        found = urlopen(f"{server.url}{style}")
        assert found.headers["Content-Type"].startswith("text/css")
        assert "immutable" in found.headers["Cache-Control"]

    assert refusal(server.port).partition(b"\r\n\r\n")[2] == REFUSALS[asgi_server]
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET / HT")  # it is left with half a request
        server.stop()
    assert server.process
    assert server.process.returncode == 0, server.log
    assert "Traceback" not in server.log


def refusal(port: int) -> bytes:
    """What a server answers to a request line that is none."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"nonsense\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(4096), b""))


def text(response: HTTPResponse) -> str:
    return response.read().decode()
