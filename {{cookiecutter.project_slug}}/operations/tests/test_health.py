"""The answers to health checks."""

import json

import pytest
from django.db.migrations.recorder import MigrationRecorder

from operations import endpoints
from operations.tests.requests import get
from realtime.delivery.engine import running_engine, this_engine


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
    assert await readiness() == (200, {"ready": True, "database": "ok", "layer": "ok"})


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

    monkeypatch.setattr(endpoints, "_missing_migrations", fail)
    status, parts = await readiness()
    assert status == 503
    assert parts["database"] == "ConnectionError"
