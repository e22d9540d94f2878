"""`/healthz`, `/readyz` and `/metrics`, answered before Django sees the request.

They need no host name, no session and no thread that pages could have taken. They see the request
as the server received it, with the headers and the address of a proxy.
"""

import asyncio
import json
from collections.abc import Awaitable
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from redis.exceptions import RedisError

from operations import metrics
from operations.checks import (
    database_refusal,
    missing_migrations,
    try_redis,
    uncollected_files,
)
from operations.proxies import is_forwarded
from realtime.asgi import Application, Receive, Scope, Send
from realtime.database import in_database
from realtime.delivery.engine import this_engine
from realtime.redis import fault
from realtime.tasks.api import TaskResultStatus
from realtime.tasks.models import TaskRow
from realtime.tasks.worker import measure as measure_tasks

CHECK_SECONDS = 2.0
FRESH_SECONDS = 1.0
LATE = timedelta(minutes=1)

OK = "ok"


class Operations:
    """An ASGI application that answers these three paths and hands on everything else."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._readiness = Readiness()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer_request(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _answer_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        if prefix := mounted_under(scope):
            text = (
                f"The site cannot be under the path {prefix}: give it a host of its own, such as "
                "chat.example.com.\n"
            )
            await answer(send, 503, text.encode())
            return
        this_engine()  # sends what views publish, so that none of them waits for the layer
        match scope["path"]:
            case "/healthz":
                await answer(send, 200, b"alive\n")
            case "/readyz":
                await self._answer_ready(scope, send)
            case "/metrics":
                await self._answer_metrics(scope, send)
            case _:
                await self._application(scope, receive, send)

    async def _answer_ready(self, scope: Scope, send: Send) -> None:
        parts = await self._readiness.parts()
        ready = all(state == OK for part, state in parts.items() if part != "tasks")
        shown = {} if is_forwarded(scope) else parts  # not to strangers
        body = json.dumps({"ready": ready, **shown}).encode()
        await answer(send, 200 if ready else 503, body, "application/json")

    async def _answer_metrics(self, scope: Scope, send: Send) -> None:
        if metrics.may_read(scope):
            this_engine().measure()
            await state_of(in_database(measure_tasks))  # where the database answers
            await answer(send, 200, metrics.exposition(), CONTENT_TYPE_PLAIN_0_0_4)
        else:
            await answer(send, 403, b"Send METRICS_TOKEN: docs/operations.md.\n")


def mounted_under(scope: Scope) -> str:
    """The path at which a server, or a proxy that removes it, has put the site; empty at a root."""
    prefix: str = scope.get("root_path", "")
    for name, value in scope["headers"]:
        if name == b"x-forwarded-prefix":
            prefix = prefix or value.decode("latin-1")
    return prefix.rstrip("/")


async def answer(send: Send, status: int, body: bytes, type: str = "text/plain") -> None:
    """Send a whole response."""
    headers = [
        (b"content-type", type.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Readiness:
    """Whether this process can do its work: its database, its Redis, its layer, its static files.

    It checks at most once a second; requests that arrive meanwhile share the result.
    """

    def __init__(self) -> None:
        self._check: asyncio.Task[dict[str, str]] | None = None
        self._checked_at = 0.0
        self._migrated = False
        self._static = (  # WhiteNoise knows what there is as the process starts
            "files are not collected: run manage.py collectstatic, and restart"
            if uncollected_files()
            else OK
        )

    async def parts(self) -> dict[str, str]:
        """For each part that the process needs, `ok` or what is wrong with it.

        `tasks` is about all processes together, and is no reason to take one of them out.
        """
        if this_engine().draining:
            return {"process": "it is stopping"}
        now = asyncio.get_running_loop().time()
        if self._check is None or (self._check.done() and now - self._checked_at > FRESH_SECONDS):
            self._check = asyncio.create_task(self._check_all())
            self._checked_at = now
        return await asyncio.shield(self._check)

    async def _check_all(self) -> dict[str, str]:
        checks: dict[str, Awaitable[object]] = {
            "database": self._check_database(),
            "layer": this_engine().hub.answering.wait(),
            "tasks": in_database(_late_tasks),
        }
        if settings.REDIS_URL:
            checks["redis"] = _redis_fault()
        states = await asyncio.gather(*map(state_of, checks.values()))
        return {**dict(zip(checks, states, strict=True)), "static": self._static}

    async def _check_database(self) -> object:
        if self._migrated:
            return await in_database(database_refusal)
        missing = await in_database(missing_migrations)
        self._migrated = not missing
        return f"{missing} migrations are missing: run manage.py migrate" if missing else None


async def state_of(check: Awaitable[object]) -> str:
    """`ok`, or what `check` returned or raised as wrong, within `CHECK_SECONDS`."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            found = await check
    except TimeoutError:
        return f"no answer in {CHECK_SECONDS:.0f} seconds"
    except Exception as error:  # its text may hold an address or a name, so only its type is shown
        return type(error).__name__
    return found if isinstance(found, str) else OK


async def _redis_fault() -> str | None:
    try:
        await try_redis()
    except (RedisError, OSError) as error:
        return fault(error)
    return None


def _late_tasks() -> str | None:
    late = TaskRow.objects.filter(
        status=TaskResultStatus.READY, due_at__lt=timezone.now() - LATE
    ).exists()
    return "some wait for more than a minute: does a worker run?" if late else None
