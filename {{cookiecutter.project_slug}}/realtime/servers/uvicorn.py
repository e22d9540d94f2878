"""The project on uvicorn."""

import asyncio
import signal
import socket

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from realtime.conf import limits
from realtime.gateway import Application
from realtime.process import running_process

LAST_SECONDS = 3  # how long a drained server waits for requests that are not answered yet


def run(application: Application, listener: socket.socket) -> None:
    """Serve on `listener` until SIGTERM or SIGINT, then drain and return."""
    config = uvicorn.Config(
        application,
        http=HttpProtocol,
        ws=WebSocketProtocol,
        ws_max_size=limits().frame_bytes,
        ws_per_message_deflate=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=LAST_SECONDS,
    )
    # uvicorn raises the signal that stopped it once more; here stopping is no failure.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: None)
    Server(config).run(sockets=[listener])


class Server(uvicorn.Server):
    """Drains the engine's sockets before uvicorn closes what is left."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        process = running_process()
        if process is not None:
            await process.drain()
        await super().shutdown(sockets)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Lends its transport to the engine."""

    async def run_asgi(self) -> None:
        self.scope["realtime.transport"] = self.transport  # type: ignore[typeddict-unknown-key]
        await super().run_asgi()


class HttpProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # chosen when imported
    """Closes a connection that sends no request in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.loop.call_later(limits().handshake_seconds, self._close_if_silent)

    def _close_if_silent(self) -> None:
        upgraded = self.transport.get_protocol() is not self
        if self.cycle is None and not upgraded and not self.transport.is_closing():
            self.transport.close()
