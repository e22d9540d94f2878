"""Routing of WebSockets."""

from collections.abc import Callable
from typing import cast

from channels.routing import URLRouter
from django.http import HttpResponse
from django.urls import URLPattern, path, re_path

from realtime.auth import Scope
from realtime.gateway import Application, Gateway, Receive
from realtime.protocol import CloseCode
from realtime.socket import Send


def socket_path(route: str, application: Application) -> URLPattern:
    """Django's `path`, for an ASGI application in the place of a view."""
    view = cast("Callable[..., HttpResponse]", application)  # which Channels' router calls
    return path(route, view)


def websocket_routes(*routes: URLPattern) -> Gateway:
    """The ASGI application that serves consumers by their paths, all of them behind the gateway.

    Topics follow the paths: the consumer at `ws/chat/<slug>/` is topic `chat:<slug>` of `ws/`.
    """
    nowhere = cast("Callable[..., HttpResponse]", _nowhere)
    return Gateway(URLRouter([*routes, re_path("", nowhere)]))


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    scope["realtime.link"].close(CloseCode.NOT_FOUND, "There is nothing here.")
