"""Requests to /healthz, /readyz and /metrics."""

from typing import Any

from operations.endpoints import Operations
from realtime.asgi import Message, Receive, Scope, Send


async def get(path: str, **scope: Any) -> tuple[int, bytes]:  # Any: ASGI
    """The status and the body of an answer that is given before Django sees the request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    request = {"type": "http", "path": path, "headers": [], "client": ("10.0.0.7", 1)} | scope
    await Operations(_site)(request, receive, send)
    start, body = sent
    return start["status"], body["body"]


async def _site(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError(f"{scope['path']} was handed on")
