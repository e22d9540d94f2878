"""What Prometheus is told, and who else is."""

import os
import re
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from operations.metrics import Engine
from operations.tests.requests import get
from operations.workers import STALE_SECONDS, Workers
from realtime import stats
from realtime.delivery.engine import this_engine
from realtime.protocol import ErrorCode

DASHBOARD = Path(__file__).parents[2] / "deploy/grafana/realtime.json"


def samples(text: bytes) -> dict[str, float]:
    """Each sample's value under its name and the values of its labels."""
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


async def test_metrics_say_what_was_counted_and_what_is_open() -> None:
    this_engine()
    _, before = await get("/metrics")
    stats.sent.value += 1_000
    stats.refusals.values[ErrorCode.INVALID] += 2
    stats.delivery.observe(0.003)

    status, body = await get("/metrics")

    was, now = samples(before), samples(body)
    assert status == 200
    assert now["realtime_frames_sent_total"] - was["realtime_frames_sent_total"] == 1_000
    assert now["realtime_refusals_total/invalid"] >= 2
    buckets = [f"realtime_delivery_seconds_bucket/{bound}" for bound in ("0.0025", "0.005", "+Inf")]
    assert [now[bucket] - was[bucket] for bucket in buckets] == [0, 1, 1]
    assert now["realtime_sockets"] == 0
    assert now["process_resident_memory_bytes"] > 0


async def test_without_a_token_metrics_are_for_those_within() -> None:
    assert (await get("/metrics", client=("10.1.2.3", 1)))[0] == 200
    assert (await get("/metrics", client=("8.8.8.8", 1)))[0] == 403
    assert (await get("/metrics", client=None))[0] == 403
    assert (await get("/metrics", client=("", 0)))[0] == 403
    assert (await get("/metrics", client=("10.1.2.3", 1), headers=()))[0] == 200
    through_proxy = [(b"x-forwarded-for", b"10.1.2.3")]
    assert (await get("/metrics", client=("10.1.2.3", 1), headers=through_proxy))[0] == 403


async def test_with_a_token_metrics_are_for_those_who_have_it(settings: Settings) -> None:
    settings.METRICS_TOKEN = "open-sesame"
    assert (await get("/metrics"))[0] == 403
    for given, status in ((b"Bearer open-sesame", 200), (b"Bearer other", 403), (b"\xff", 403)):
        headers = [(b"authorization", given)]
        assert (await get("/metrics", client=("8.8.8.8", 1), headers=headers))[0] == status


@pytest.fixture
def workers(tmp_path: Path) -> Workers:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Engine())
    return Workers(registry.collect, tmp_path)


def write_as(worker: int, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: worker)
        workers.write()


def test_one_worker_answers_for_all(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    stats.joins.value = 3
    write_as(1, workers, monkeypatch)
    stats.joins.value = 4
    write_as(2, workers, monkeypatch)

    now = samples(generate_latest(workers))

    assert now["realtime_joins_total/1"] == 3
    assert now["realtime_joins_total/2"] == 4
    assert now[f"realtime_joins_total/{os.getpid()}"] == 4


def test_a_dead_worker_is_soon_forgotten(
    workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_as(1, workers, monkeypatch)
    (file,) = tmp_path.glob("1.json")
    long_ago = time.time() - STALE_SECONDS - 1
    os.utime(file, (long_ago, long_ago))

    now = samples(generate_latest(workers))

    assert "realtime_joins_total/1" not in now
    assert not file.exists()


async def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    this_engine()
    _, body = await get("/metrics")
    told = set(re.findall(r"^# TYPE (\w+)", body.decode(), re.MULTILINE))

    asked = set(re.findall(r"\b(?:realtime|presence|process)_\w+", DASHBOARD.read_text()))

    assert {re.sub("_(bucket|sum|count)$", "", name) for name in asked} - told == set()
