"""The project on daphne."""

import asyncio
import socket
from importlib import import_module
from typing import Any

from daphne.server import Server as DaphneServer
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint

from realtime.asgi import Application
from realtime.conf import limits
from realtime.delivery.engine import running_engine, stop_engine
from realtime.servers.private_names import is_usable

INSIDE = {
    "autobahn.twisted.websocket:WebSocketServerProtocol": (
        "STATE_OPEN _fail_connection dataReceived is_closed onConnect onMessageBegin"
        " onMessageFrameBegin onPing onPong"
        " sendCloseFrame sendFrame sendMessage state"
    ),
    "autobahn.twisted.websocket:WebSocketServerFactory": "protocol setProtocolOptions",
    "autobahn.websocket.types:ConnectionDeny": "",
    "daphne.http_protocol:HTTPFactory": "buildProtocol timeOut",
    "daphne.http_protocol:WebRequest": (
        "_parsePOSTFormSubmission channel connectionLost content finish gotLength"
        " handleContentChunk process"
    ),
    "daphne.server:Server": (
        "application connections create_application handle_reply http_factory kill_all_applications"
        " listen_success root_path ws_factory"
    ),
    "daphne.ws_protocol:WebSocketProtocol": "application_queue transport",
    "twisted.internet.tcp:Server": (
        "_tempDataLen abortConnection connected dataBuffer disconnecting loseWriteConnection offset"
        " pauseProducing resumeProducing write writeSomeData"
    ),
    "twisted.web.http:_GenericHTTPChannelProtocol": "_channel",
    "twisted.web.http:HTTPChannel": "_path requestFactory requests timeoutConnection transport",
}
"""The names that `realtime.servers.lending_daphne` uses, looked for when the server starts."""


LAST_SECONDS = 3.0  # how long applications may go on after they were cancelled


class Server(DaphneServer):
    """Drains the engine's sockets before daphne ends what is left."""

    def kill_all_applications(self) -> "Deferred[None]":
        """Called before the reactor stops, which waits for the result."""
        return Deferred.fromFuture(asyncio.ensure_future(self._end()))

    async def drain(self) -> None:
        engine = running_engine()
        if engine is not None:
            await engine.drain()

    async def _end(self) -> None:
        try:
            await self.drain()
            await self._cancel_applications()
        finally:
            await stop_engine()

    async def _cancel_applications(self) -> None:
        """As daphne does; its own fails for a request that has come in part."""
        running = [
            details["application_instance"]
            for details in self.connections.values()
            if "application_instance" in details
        ]
        for each in running:
            each.cancel()
        if running:
            await asyncio.wait(running, timeout=LAST_SECONDS)


def run(application: Application, listener: socket.socket) -> None:
    """Serve on `listener` until SIGTERM or SIGINT, then drain and return."""
    bounds = limits()

    def listen() -> None:
        family, descriptor = listener.family, listener.detach()  # Twisted closes it
        endpoint = AdoptedStreamServerEndpoint(reactor, descriptor, family)
        endpoint.listen(chosen.http_factory).addCallbacks(
            chosen.listen_success, chosen.listen_error
        )

    chosen = server(
        application,
        endpoints=["fd"],
        ready_callable=listen,
        websocket_max_message_size=bounds.frame_bytes,
        websocket_max_frame_size=bounds.frame_bytes,
        websocket_handshake_timeout=bounds.handshake_seconds,
        websocket_timeout=-1,
        server_name="",
    )
    chosen.endpoints = []  # daphne takes a descriptor to be of IPv4
    chosen.run()


def server(application: Application, **options: Any) -> Server:  # Any: untyped in daphne
    """A server that lends its transports to the engine, where this daphne allows it."""
    if not is_usable(INSIDE):
        return Server(application, **options)
    lending: type[Server] = import_module("realtime.servers.lending_daphne").Server
    return lending(application, **options)
