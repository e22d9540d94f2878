"""The production server of a bake, over its services: pages and files are there, and it stops."""

import re
import socket
from http.client import HTTPResponse
from urllib.request import urlopen

import pytest

from tests.conftest import Bake, Serve
from tests.hooks import questions


@pytest.mark.parametrize("asgi_server", questions()["asgi_server"])
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

    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET / HT")  # it is left with half a request
        server.stop()
    assert server.process
    assert server.process.returncode == 0, server.log
    assert "Traceback" not in server.log


def text(response: HTTPResponse) -> str:
    return response.read().decode()
