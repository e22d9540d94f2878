"""A bare ASGI hub: one ASGI send for each member, where nobody signs in and nothing is kept.

It is no ceiling: the baked project writes below ASGI, and one write takes several frames.
"""

from collections import defaultdict
from typing import Any  # an ASGI scope and its messages are dictionaries of anything

rooms: defaultdict[str, set[Any]] = defaultdict(set)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    room = rooms[scope["path"]]
    await receive()
    await send({"type": "websocket.accept"})
    room.add(send)
    try:
        while (message := await receive())["type"] == "websocket.receive":
            event = {"type": "websocket.send", "text": message["text"]}
            for member in tuple(room):
                await member(event)
    finally:
        room.discard(send)
