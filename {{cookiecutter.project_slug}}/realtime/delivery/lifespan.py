"""The ASGI lifespan of a server process, for servers that have one: the engine lives as long."""

from realtime.asgi import Receive, Scope, Send
from realtime.delivery.engine import stop_engine, this_engine


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Start the engine before the first request, and stop it after the last."""
    await receive()
    this_engine()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await stop_engine()
    await send({"type": "lifespan.shutdown.complete"})
