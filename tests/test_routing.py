"""What a person adds to a bake's config/routing.py: ASGI applications beside Django's views."""

import socket
import time
from http.client import HTTPResponse
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.conftest import Bake, Serve
from tests.hooks import questions

APPLICATIONS = """
from channels.generic.http import AsyncHttpConsumer

from realtime.asgi import Receive, Scope, Send
from realtime.delivery.publishing import publish


async def raw(scope: Scope, receive: Receive, send: Send) -> None:
    publish("raw", "asked", scope["url_route"]["kwargs"])
    body = f"raw {scope['url_route']['kwargs']['name']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


class ShoutConsumer(AsyncHttpConsumer):
    async def handle(self, body: bytes) -> None:
        await self.send_response(200, body.upper(), headers=[(b"x-shout", b"1")])
"""
ROUTES = """
from django.urls import path
from config.extra import ShoutConsumer, raw
http_urlpatterns = [path("raw/<slug:name>/", raw), path("shout/", ShoutConsumer.as_asgi())]
"""


@pytest.mark.parametrize("asgi_server", questions()["asgi_server"])
def test_applications_and_consumers_stand_beside_views(
    bake: Bake, serve: Serve, redis_url: str, asgi_server: str
) -> None:
    site = bake(asgi_server=asgi_server)
    add_routes(site)
    server = serve(site, REDIS_URL=redis_url)

    assert text(urlopen(f"{server.url}/raw/ada/")) == "raw ada"
    shouted = urlopen(Request(f"{server.url}/shout/", data=b"hello"))
    assert (text(shouted), shouted.headers["x-shout"]) == ("HELLO", "1")
    assert "<form" in text(urlopen(f"{server.url}/accounts/login/"))
    assert text(urlopen(f"{server.url}/healthz")) == "alive\n"
    elsewhere = Request(f"{server.url}/healthz", headers={"Daphne-Root-Path": "/elsewhere"})
    assert text(urlopen(elsewhere)) == "alive\n"
    elsewhere = Request(f"{server.url}/accounts/login/", headers=elsewhere.headers)
    assert 'href="/accounts/' in text(urlopen(elsewhere))

    server.stop()
    assert "Traceback" not in server.log


@pytest.mark.parametrize("asgi_server", questions()["asgi_server"])
def test_an_application_that_publishes_does_not_wait_for_the_layer(
    bake: Bake, serve: Serve, asgi_server: str
) -> None:
    site = bake(asgi_server=asgi_server)
    add_routes(site)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = serve(site, REDIS_URL=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        began_at = time.monotonic()

        assert text(urlopen(f"{server.url}/raw/ada/")) == "raw ada"

        assert time.monotonic() - began_at < 2  # a layer is waited for three seconds


def add_routes(site: Path) -> None:
    (site / "config" / "extra.py").write_text(APPLICATIONS, encoding="utf-8")
    with (site / "config" / "routing.py").open("a", encoding="utf-8") as routing:
        routing.write(ROUTES)


def text(response: HTTPResponse) -> str:
    return response.read().decode()
