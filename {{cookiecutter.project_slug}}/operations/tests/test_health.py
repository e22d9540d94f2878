"""The answers to health checks."""

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.db.migrations.recorder import MigrationRecorder
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError

from operations import endpoints
from operations.tests.requests import get
from realtime.delivery.engine import running_engine, this_engine
from realtime.tests.jobs import write


async def readiness() -> tuple[int, dict[str, object]]:
    status, body = await get("/readyz")
    return status, json.loads(body)


@pytest.fixture
def _short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """For checks that never answer."""
    monkeypatch.setattr(endpoints, "CHECK_SECONDS", 0.2)


@pytest.fixture(autouse=True)
def _long_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "CHECK_SECONDS", 30.0)


async def test_a_process_is_alive_whatever_host_it_is_asked_as() -> None:
    assert await get("/healthz") == (200, b"alive\n")


async def test_the_engine_runs_from_the_first_request() -> None:
    assert running_engine() is None
    await get("/healthz")
    assert running_engine() is not None


@pytest.mark.django_db(transaction=True)
async def test_a_process_is_ready_with_its_database_and_its_layer() -> None:
    parts = {"database": "ok", "layer": "ok", "tasks": "ok", "static": "ok"}
    redis = {"redis": "ok"} if settings.REDIS_URL else {}
    assert await readiness() == (200, {"ready": True, **parts, **redis})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("header", [b"x-forwarded-for", b"x-forwarded-proto", b"via", b"x-real-ip"])
async def test_through_a_proxy_only_the_state_as_a_whole_is_told(header: bytes) -> None:
    status, body = await get("/readyz", headers=[(header, b"203.0.113.9")])
    assert (status, json.loads(body)) == (200, {"ready": True})


@pytest.mark.django_db(transaction=True)
async def test_a_stopping_process_is_not_ready() -> None:
    await this_engine().drain()
    status, parts = await readiness()
    assert status == 503
    assert parts["process"] == "it is stopping"


@pytest.mark.usefixtures("_short_timeout")
@pytest.mark.django_db(transaction=True)
async def test_a_process_without_its_layer_is_not_ready() -> None:
    await this_engine().hub.stop()
    this_engine().hub.answering.clear()
    status, parts = await readiness()
    assert status == 503
    assert parts["layer"] == "no answer in 0 seconds"


@pytest.mark.django_db(transaction=True)
async def test_a_process_ahead_of_its_database_is_not_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MigrationRecorder, "applied_migrations", lambda self: {})
    status, parts = await readiness()
    assert status == 503
    assert "run manage.py migrate" in str(parts["database"])


@pytest.mark.django_db(transaction=True)
async def test_a_database_that_fails_is_named_without_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise ConnectionError("postgres://site:secret@postgres/site")

    monkeypatch.setattr(endpoints, "missing_migrations", fail)
    status, parts = await readiness()
    assert status == 503
    assert parts["database"] == "ConnectionError"


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "full"),
        (ReadOnlyError("You can't write against a read only replica."), "read-only"),
        (ResponseError("MISCONF Redis is configured to save RDB snapshots"), "cannot save"),
        (NotConnected("Error 111 connecting to 10.0.0.7:6379. Connection refused."), "gone"),
        (NotConnected("max number of clients reached"), "too many clients"),
    ],
)
@pytest.mark.django_db(transaction=True)
async def test_a_process_whose_redis_refuses_is_not_ready(
    error: Exception, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse() -> None:
        raise error

    monkeypatch.setattr(settings, "REDIS_URL", "redis://10.0.0.7:6379/0")
    monkeypatch.setattr(endpoints, "try_redis", refuse)
    status, parts = await readiness()
    assert (status, parts["ready"], parts["redis"]) == (503, False, word)


@pytest.mark.django_db(transaction=True)
async def test_a_process_without_its_static_files_is_not_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoints, "uncollected_files", lambda: ["chat/chat.css"])
    status, parts = await readiness()
    assert (status, parts["ready"]) == (503, False)
    assert parts["static"] == "files are not collected: run manage.py collectstatic, and restart"


@pytest.mark.django_db(transaction=True)
async def test_tasks_that_nobody_runs_are_told_and_take_no_process_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endpoints, "LATE", timedelta(seconds=-5))
    await write.aenqueue("nowhere", "hello")
    status, parts = await readiness()
    assert (status, parts["ready"]) == (200, True)
    assert parts["tasks"] == "some wait for more than a minute: does a worker run?"


@pytest.mark.parametrize(
    "scope", [{"root_path": "/chat"}, {"headers": [(b"x-forwarded-prefix", b"/chat/")]}]
)
async def test_a_site_under_a_path_says_that_it_cannot_be_there(scope: dict[str, object]) -> None:
    assert await get("/chat/accounts/login/", **scope) == (
        503,
        b"The site cannot be under the path /chat: give it a host of its own, such as "
        b"chat.example.com.\n",
    )
