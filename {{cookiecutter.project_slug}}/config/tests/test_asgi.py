"""The whole application, as a server and as a worker call it."""

from channels.testing import ApplicationCommunicator

from config.asgi import application
from realtime.delivery.engine import running_engine

SECONDS = 20.0  # on a busy machine; a fraction of one otherwise


async def test_the_engine_lives_as_long_as_the_server() -> None:
    server = ApplicationCommunicator(application, {"type": "lifespan", "asgi": {"version": "3.0"}})

    await server.send_input({"type": "lifespan.startup"})
    assert await server.receive_output(SECONDS) == {"type": "lifespan.startup.complete"}
    assert running_engine() is not None

    await server.send_input({"type": "lifespan.shutdown"})
    assert await server.receive_output(SECONDS) == {"type": "lifespan.shutdown.complete"}
    await server.wait(SECONDS)
    assert running_engine() is None
