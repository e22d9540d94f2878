"""The project on uvicorn."""

import signal
import socket
from importlib import import_module
from types import FrameType

import uvicorn

from realtime.asgi import Application
from realtime.conf import limits
from realtime.delivery.engine import running_engine, stop_engine
from realtime.servers.private_names import is_usable

LAST_SECONDS = 3  # how long a drained server waits for requests that are not answered yet

INSIDE = {
    "uvicorn.config:Config": "http ws",
    "uvicorn.protocols.http.auto:AutoHTTPProtocol": (
        "connection_made cycle data_received handle_websocket_upgrade loop on_response_complete"
        " transport"
    ),
    "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol": (
        "close_sent close_timer conn connection_made curr_msg_data_type data_received frames"
        " handle_connect handle_cont handle_parser_exception handle_ping handle_pong"
        " handshake_complete keepalive_timeout loop pause_writing queue read_paused request"
        " response resume_writing scope send send_receive_event_to_app transport writable"
    ),
    "uvicorn.server:Server": "servers shutdown",
    "websockets.frames:Frame": "fin",
    "websockets.http11:Request": "headers",
    "websockets.server:ServerProtocol": "close_sent data_to_send handshake_exc send_close",
}
"""The names that `realtime.servers.lending_uvicorn` uses, looked for when the server starts."""


class Server(uvicorn.Server):
    """Drains the engine's sockets before uvicorn closes what is left."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        engine = running_engine()
        if engine is not None:
            await engine.drain()
        await super().shutdown(sockets)
        await stop_engine()


def run(application: Application, listener: socket.socket) -> None:
    """Serve on `listener` until SIGTERM or SIGINT, then drain and return."""
    config = uvicorn.Config(
        application,
        ws_max_size=limits().frame_bytes,
        ws_per_message_deflate=False,
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=LAST_SECONDS,
    )
    chosen = server(config)

    def stop(number: int, frame: FrameType | None) -> None:
        chosen.should_exit = True

    # Until uvicorn handles these itself; and again when it has stopped, since it raises the signal
    # once more, which by default would be the exit code.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)
    chosen.run(sockets=[listener])


def server(config: uvicorn.Config) -> Server:
    """A server that lends its transports to the engine, where this uvicorn allows it."""
    if not is_usable(INSIDE):
        return Server(config)
    lending: Server = import_module("realtime.servers.lending_uvicorn").server(config)
    return lending
