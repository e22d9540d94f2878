"""Routing of WebSockets by Channels' `URLRouter`."""

from django.http import Http404

from realtime.asgi import Application, Receive, Scope, Send
from realtime.protocol import CloseCode, Closing


async def route(application: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Run `application`, usually a `URLRouter`, with a `scope` that was made for it.

    Raises:
        Closing: nothing is at the scope's path (4404).
    """
    # The outermost router fails where it finds no route; one within another raises Resolver404.
    scope["path_remaining"] = scope["path"].removeprefix(scope.get("root_path", ""))
    try:
        await application(scope, receive, send)
    except Http404:
        raise Closing(CloseCode.NOT_FOUND, "There is nothing here.") from None
