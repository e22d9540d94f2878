"""Routing of WebSockets."""

from channels.routing import URLRouter
from django.urls import URLPattern, re_path

from realtime.auth import Scope
from realtime.gateway import Gateway, Receive
from realtime.protocol import CloseCode
from realtime.socket import Send


def websocket_routes(*routes: URLPattern) -> Gateway:
    """The ASGI application that serves consumers by their paths, all of them behind the gateway.

    Topics follow the paths: the consumer at `ws/chat/<slug>/` is topic `chat:<slug>` of `ws/`.
    """
    return Gateway(URLRouter([*routes, re_path("", _nowhere)]))


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    scope["realtime.link"].close(CloseCode.NOT_FOUND, "There is nothing here.")
