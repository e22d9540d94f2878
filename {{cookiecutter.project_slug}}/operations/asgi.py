"""The answers to those who run the site, given before Django sees the request.

They need no host name, no session and no thread that pages could have taken.
"""

import json

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from operations import metrics
from operations.health import OK, Readiness
from realtime.asgi import Application, Receive, Scope, Send
from realtime.delivery.engine import this_engine


class Operations:
    """An ASGI application that answers `/healthz`, `/readyz` and `/metrics`; hands on all else."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._readiness = Readiness()
        if metrics.workers is not None:
            metrics.workers.start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer_request(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _answer_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        this_engine()  # takes what views publish, so that none of them waits for the layer
        match scope["path"]:
            case "/healthz":
                await answer(send, 200, b"alive\n")
            case "/readyz":
                await self._answer_ready(send)
            case "/metrics":
                await self._answer_metrics(scope, send)
            case _:
                await self._application(scope, receive, send)

    async def _answer_ready(self, send: Send) -> None:
        parts = await self._readiness.parts()
        ready = all(state == OK for state in parts.values())
        body = json.dumps({"ready": ready, **parts}).encode()
        await answer(send, 200 if ready else 503, body, "application/json")

    async def _answer_metrics(self, scope: Scope, send: Send) -> None:
        if metrics.may_read(scope):
            await answer(send, 200, metrics.exposition(), CONTENT_TYPE_PLAIN_0_0_4)
        else:
            await answer(send, 403, b"Send METRICS_TOKEN, or come from within.\n")


async def answer(send: Send, status: int, body: bytes, type: str = "text/plain") -> None:
    """Send a whole response."""
    headers = [
        (b"content-type", type.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
