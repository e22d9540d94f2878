"""Admission: ASGI middleware that every WebSocket passes before an application sees it."""

import logging
from functools import partial

from django.utils.functional import SimpleLazyObject

from realtime.admission.auth import cookies_of, sign_in
from realtime.asgi import Application, Receive, Scope, Send
from realtime.budgets import charges
from realtime.conf import limits
from realtime.delivery.connection import Connection
from realtime.delivery.engine import Engine, this_engine
from realtime.delivery.socket import Lent, Socket, ignore
from realtime.protocol import PROTOCOL, TICKET_PREFIX, CloseCode, Closing
from realtime.sessions import VerifiedSession, session_rows
from realtime.tracing import new_id, request_id

logger = logging.getLogger(__name__)


class AdmissionMiddleware:
    """Admits signed-in people to `application`: any that serves WebSockets, usually a `URLRouter`.

    It replaces Channels' `AuthMiddlewareStack` and `AllowedHostsOriginValidator`: the application
    finds `scope["user"]`, `scope["session"]` and `scope["cookies"]`. In addition it accepts
    tickets, enforces the limits of `REALTIME`, takes what people do from their budgets, and closes
    the socket when the sign-in ends or the process stops. The application speaks plain ASGI.

    Raises:
        ImproperlyConfigured: sessions are not rows.
    """

    def __init__(self, application: Application) -> None:
        session_rows()
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.application(scope, receive, send)
            return
        engine = this_engine()
        gaps = engine.gaps
        request_id.set(new_id())
        charges.set(True)  # in this task, and in those and the threads that it starts
        lent: Lent = scope.get("realtime.lent") or Lent(None)
        socket = Socket(send, lent.transport)
        lent.on_end = socket.abandon
        offered = [
            each for each in scope.get("subprotocols", ()) if not each.startswith(TICKET_PREFIX)
        ]
        await receive()  # websocket.connect
        try:
            if PROTOCOL in offered:  # at once: in a storm, sign-ins take longer than handshakes may
                await socket.accept({"type": "websocket.accept", "subprotocol": PROTOCOL})
            signed_in = await _admitted(scope, engine)
        except Closing as closing:
            path = scope["path"][:100].encode("unicode_escape").decode()
            logger.info("%s refused with %d: %s", path, closing.code, closing.explanation)
            socket.close(closing.code, closing.reason)
            await socket.finish(offered[0] if offered else None)
            lent.forget()
            return
        # Channels' `URLRouter` routes this. Without it a router takes itself for the outermost one,
        # and raises a `ValueError` where it has no route, not Django's `Resolver404`.
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        remaining = scope.get("path_remaining", path)
        base_path = scope["path"].removesuffix(remaining)
        connection = Connection(self.application, base_path, receive, send, socket, signed_in)
        lent.on_control_frame = connection.count_control_frame
        inner = {
            **scope,
            "subprotocols": offered,
            "user": signed_in.user,
            "session": SimpleLazyObject(signed_in.opened),
            "cookies": SimpleLazyObject(partial(cookies_of, scope)),
            "realtime.connection": connection,
            "path_remaining": remaining,
        }
        inner.pop("realtime.lent", None)  # of use here alone: each topic copies the scope
        engine.add(connection)
        engine.check_after(gaps)
        try:
            await connection.run(inner)
        finally:
            engine.remove(connection)
            socket.on_close = ignore  # a circle, which only the garbage collector would free
            lent.forget()


async def _admitted(scope: Scope, engine: Engine) -> VerifiedSession:
    """Who opens the socket.

    Raises:
        Closing: a foreign origin, nobody signed in, too many sockets, a process that stops.
    """
    try:
        signed_in = await sign_in(scope)
    except Closing:
        raise
    except Exception as error:
        logger.error("A socket could not be signed in: %s: %s", type(error).__name__, error)
        raise Closing(CloseCode.OVERLOAD, "The server cannot sign you in now.") from None
    if engine.draining:  # asked last: a drain closes only the sockets that are known by then
        raise Closing(CloseCode.RESTART, "The server restarts.")
    if engine.sockets_of(signed_in.user.pk) >= limits().sockets_per_user:
        raise Closing(CloseCode.FLOODING, "You have too many connections open.")
    return signed_in
