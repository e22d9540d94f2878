"""The metrics, and who may read them."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from channels.routing import get_default_application
from channels.testing import HttpCommunicator
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone
from prometheus_client.multiprocess import mark_process_dead
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from operations import endpoints, metrics
from operations.tests.requests import get
from realtime import metrics as engine_metrics
from realtime.asgi import Application
from realtime.protocol import ErrorCode
from realtime.tasks.models import TaskRow

DASHBOARD = Path(__file__).parents[2] / "deploy/grafana/realtime.json"


def samples(text: bytes) -> dict[str, float]:
    """Each sample's value under its name and the values of its labels."""
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


async def test_metrics_have_what_was_counted_and_what_is_open() -> None:
    _, before = await get("/metrics")
    engine_metrics.frames_sent.inc(1_000)
    engine_metrics.refusals.labels(ErrorCode.INVALID).inc(2)
    engine_metrics.delivery_seconds.observe(0.003)

    status, body = await get("/metrics")

    was, now = samples(before), samples(body)
    assert status == 200
    assert now["realtime_frames_sent_total"] - was["realtime_frames_sent_total"] == 1_000
    assert now["realtime_refusals_total/invalid"] >= 2
    buckets = [f"realtime_delivery_seconds_bucket/{bound}" for bound in ("0.0025", "0.005", "+Inf")]
    assert [now[bucket] - was[bucket] for bucket in buckets] == [0, 1, 1]
    assert now["realtime_sockets"] == 0
    assert now["process_resident_memory_bytes"] > 0


@pytest.mark.django_db(transaction=True)
async def test_metrics_say_how_many_tasks_wait_run_and_failed_and_for_how_long() -> None:
    now = timezone.now()
    rows = {"READY": [-60, -5, 3_600], "RUNNING": [30, 30], "FAILED": [-90], "SUCCESSFUL": [-90]}
    for status, dues in rows.items():
        for seconds in dues:
            due_at = now + timedelta(seconds=seconds)
            await TaskRow.objects.acreate(path="a.task", status=status, due_at=due_at)

    found = samples((await get("/metrics"))[1])

    assert [found[f"realtime_tasks/{state}"] for state in ("waiting", "running", "failed")] == [
        3,
        2,
        1,
    ]
    assert 60 <= found["realtime_tasks_late_seconds"] < 80


async def test_metrics_are_there_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("no database")

    monkeypatch.setattr(endpoints, "measure_tasks", away)

    assert (await get("/metrics"))[0] == 200


HERE = ("10.1.2.3", 1)


@pytest.mark.parametrize(
    ("client", "host", "status"),
    [
        (HERE, None, 200),
        (HERE, b"10.9.8.7:8000", 200),
        (HERE, b"[fd00::1]:8000", 200),
        (HERE, b"localhost:8000", 200),
        (HERE, b"web:8000", 200),
        (HERE, b"chat.example.com", 200),
        (("::1", 1), None, 200),
        (("::ffff:10.1.2.3", 1), None, 200),
        (("8.8.8.8", 1), None, 403),
        (("::ffff:8.8.8.8", 1), None, 403),
        (("203.0.113.9", 1), None, 403),  # Python says that it is private
        (("2001:db8::1", 1), None, 403),
        (("unknown", 1), None, 403),
        (("", 0), None, 403),
        (None, None, 403),
        # whose page had its name looked up as an address of this network
        (HERE, b"evil.example", 403),
        (HERE, b"evil_name.example:8000", 403),
        (HERE, b"10.9.8.7.evil.example:8000", 403),
    ],
)
async def test_without_a_token_metrics_are_for_private_addresses(
    settings: Settings, client: tuple[str, int] | None, host: bytes | None, status: int
) -> None:
    settings.PROXIES = []
    settings.ALLOWED_HOSTS = ["chat.example.com"]
    headers = [(b"host", host)] if host else []
    assert (await get("/metrics", client=client, headers=headers))[0] == status


FORWARDING = [
    (b"cf-connecting-ip", b"8.8.8.8"),
    (b"fastly-client-ip", b"8.8.8.8"),
    (b"forwarded", b"for=8.8.8.8"),
    (b"true-client-ip", b"8.8.8.8"),
    (b"via", b"1.1 proxy"),
    (b"x-client-ip", b"8.8.8.8"),
    (b"x-envoy-external-address", b"8.8.8.8"),
    (b"x-forwarded-for", b"8.8.8.8"),
    (b"x-forwarded-for", b"10.1.2.3"),
    (b"x-forwarded-for", b""),
    (b"x-forwarded-host", b"10.1.2.3"),
    (b"x-forwarded-proto", b"http"),
    (b"x-original-forwarded-for", b"8.8.8.8"),
    (b"x-real-ip", b"8.8.8.8"),
]


@pytest.mark.parametrize("header", FORWARDING)
@pytest.mark.parametrize("proxies", [[], ["10.0.0.0/8"]])
async def test_without_a_token_metrics_are_not_for_who_comes_through_a_proxy(
    settings: Settings, proxies: list[str], header: tuple[bytes, bytes]
) -> None:
    settings.PROXIES = proxies
    application = get_default_application()  # as a server calls it, with all that is around
    assert await status_of(application, HERE, [header]) == 403
    assert await status_of(application, HERE, []) == (403 if proxies else 200)


async def test_with_a_token_metrics_are_for_requests_that_have_it(settings: Settings) -> None:
    settings.METRICS_TOKEN = "open-sesame"
    settings.PROXIES = ["10.0.0.0/8"]
    assert (await get("/metrics"))[0] == 403
    through = [(b"x-forwarded-for", b"8.8.8.8"), (b"host", b"evil.example")]
    for given, status in (
        (b"Bearer open-sesame", 200),
        (b"bearer open-sesame", 200),
        (b"BEARER  open-sesame", 200),
        (b"Bearer other", 403),
        (b"Bearer open-sesame-more", 403),
        (b"Bearer open", 403),
        (b"Bearer", 403),
        (b"Bearer ", 403),
        (b"Basic open-sesame", 403),
        (b"open-sesame", 403),
        (b"\xff", 403),
    ):
        headers = [*through, (b"authorization", given)]
        assert (await get("/metrics", client=("8.8.8.8", 1), headers=headers))[0] == status


async def status_of(
    application: Application, client: tuple[str, int], headers: list[tuple[bytes, bytes]]
) -> int:
    browser = HttpCommunicator(application, "GET", "/metrics", headers=headers)
    browser.scope |= {"client": client, "scheme": "http"}
    status: int = (await browser.get_response(timeout=20))["status"]
    return status


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where processes that share a port keep their values."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    return tmp_path


@contextmanager
def worker(joined: int) -> Iterator[int]:
    """The id of a process that shares the folder, and has one socket open."""
    program = f"""
from realtime import metrics

metrics.joins.inc({joined})
metrics.sockets.set(1)
print("counted", flush=True)
input()
"""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", program],
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"counted\n"
        yield process.pid
        process.communicate(b"\n")


@pytest.mark.usefixtures("folder")
def test_one_process_answers_for_all_that_share_its_port() -> None:
    with worker(joined=3) as one, worker(joined=4) as other:
        now = samples(metrics.exposition())
        assert now["realtime_joins_total"] == 7
        assert now["realtime_sockets"] == 2
        assert now[f"process_resident_memory_bytes/{one}"] > 0
        assert now[f"process_resident_memory_bytes/{other}"] > 0


@pytest.mark.usefixtures("folder")
def test_of_a_dead_process_only_what_it_counted_remains() -> None:
    with worker(joined=3) as dead:
        pass
    mark_process_dead(dead)

    now = samples(metrics.exposition())

    assert now["realtime_joins_total"] == 3
    assert "realtime_sockets" not in now
    assert f"process_resident_memory_bytes/{dead}" not in now


async def test_the_dashboard_uses_metrics_that_exist() -> None:
    _, body = await get("/metrics")
    told = set(re.findall(r"^# TYPE (\w+)", body.decode(), re.MULTILINE))

    asked = set(re.findall(r"\b(?:realtime|presence|process)_\w+", DASHBOARD.read_text()))

    assert {re.sub("_(bucket|sum|count)$", "", name) for name in asked} - told == set()
