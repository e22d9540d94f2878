"""Background work: what is enqueued is run at least once, whoever dies."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from threading import enumerate as enumerate_threads
from urllib.parse import quote

import pytest
from django.conf import settings
from django.contrib.admin import site
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from redis import Redis

from accounts.models import User
from realtime.delivery.engine import stop_engine, this_engine
from realtime.models import TaskRow
from realtime.tasks import backend, enqueue_many, run_due, worker
from realtime.tasks.api import TaskResultDoesNotExist, TaskResultStatus
from realtime.tasks.worker import claim, drop_finished, perform
from realtime.tests import jobs

WORKER_SECONDS = 30
SETUP = "import django; django.setup()"
RUN = "from django.core.management import call_command; call_command('runworker', 'tasks')"
LONG_POLLS = "from realtime.tasks import worker; worker.POLL_SECONDS = 600"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_heard() -> None:
    jobs.heard.clear()


def test_a_task_is_run_and_its_result_is_kept() -> None:
    result = jobs.note.enqueue("hello", loud=True)
    assert not result.is_finished
    assert jobs.heard == []

    assert run_due() == 1

    result.refresh()
    assert jobs.heard == ["HELLO"]
    assert result.status == TaskResultStatus.SUCCESSFUL
    assert result.return_value == ["hello"]
    assert result.attempts == 1
    assert jobs.note.get_result(result.id).is_finished


def test_a_task_may_be_a_coroutine_or_take_the_context() -> None:
    jobs.note_later.enqueue("async")
    counted = jobs.count.enqueue()

    assert run_due() == 2

    counted.refresh()
    assert jobs.heard == ["async"]
    assert counted.return_value == 1


def test_a_result_that_is_not_there_is_said_not_to_be() -> None:
    for missing in ("0", "none"):
        with pytest.raises(TaskResultDoesNotExist):
            jobs.note.get_result(missing)


def test_what_is_rolled_back_was_never_enqueued() -> None:
    with transaction.atomic():
        jobs.note.enqueue("never")
        transaction.set_rollback(True)

    assert not TaskRow.objects.exists()


def test_the_order_is_by_priority_then_age() -> None:
    jobs.note.enqueue("first")
    jobs.note.using(priority=-1).enqueue("last")
    jobs.note.using(priority=5).enqueue("urgent")
    enqueue_many(jobs.note, [("second",), ("third",)])

    run_due()

    assert jobs.heard == ["urgent", "first", "second", "third", "last"]


def test_a_task_waits_for_its_time() -> None:
    jobs.note.using(run_after=timezone.now() + timedelta(hours=1)).enqueue("later")

    assert run_due() == 0
    make_due()
    assert run_due() == 1


def test_a_failing_task_is_tried_again_ever_later_and_ends_as_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    result = jobs.fail.enqueue("boom")
    pauses = []
    while run_due() and (row := TaskRow.objects.get()).status == TaskResultStatus.READY:
        pauses.append(round((row.due_at - timezone.now()).total_seconds()))
        make_due()

    assert pauses == [30, 120, 480, 1920, 3600]
    assert jobs.heard == ["boom"] * 6
    result.refresh()
    assert result.status == TaskResultStatus.FAILED
    assert result.errors[0].exception_class is ValueError
    assert "ValueError: boom" in result.errors[0].traceback
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1


@pytest.mark.parametrize(("asked", "given"), [(0, 30), (300, 300), (86_400, 3_600)])
def test_a_task_can_ask_for_time(asked: float, given: int) -> None:
    jobs.ask_for_time.enqueue(asked)
    run_due()

    row = TaskRow.objects.get()
    assert round((row.due_at - timezone.now()).total_seconds()) == given


def test_a_task_that_waits_for_its_turn_stays_one_row_and_loses_no_attempt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    jobs.wait.enqueue(120)
    for _ in range(10):
        make_due()
        assert run_due() == 1

    row = TaskRow.objects.get()
    assert (row.status, row.attempts, row.exception) == ("READY", 0, "")
    assert round((row.due_at - timezone.now()).total_seconds()) == 120
    assert caplog.text == ""


def test_a_task_whose_place_was_taken_does_not_wait() -> None:
    jobs.wait.enqueue(120)
    (lost,) = claim(1)
    make_due()
    (held,) = claim(1)

    perform(lost)

    row = TaskRow.objects.get()
    assert (row.status, row.attempts, row.due_at) == ("RUNNING", 2, held.due_at)


@pytest.mark.parametrize("path", ["nowhere.task", "realtime.tests.jobs.append"])
def test_what_is_no_task_any_more_fails_with_a_clear_error(path: str) -> None:
    jobs.note.enqueue("hello")
    TaskRow.objects.update(path=path, attempts=5)

    run_due()

    row = TaskRow.objects.get()
    assert row.status == TaskResultStatus.FAILED
    assert f"UnknownTask: {path} " in row.traceback


def test_a_task_that_kills_its_worker_each_time_ends_as_failed() -> None:
    jobs.note.enqueue("deadly")
    for _ in range(6):
        claim(1)  # by a worker that dies
        make_due()

    run_due()

    assert jobs.heard == []
    assert TaskRow.objects.get().exception.endswith("WorkerLost")


def test_who_has_lost_the_lease_changes_nothing() -> None:
    jobs.fail.enqueue("late")
    (slow,) = claim(1)
    make_due()
    (other,) = claim(1)

    perform(slow)
    assert TaskRow.objects.get().status == TaskResultStatus.RUNNING
    perform(other)
    assert TaskRow.objects.get().status == TaskResultStatus.READY


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-1)])
def test_clocks_that_differ_hold_up_no_task_and_take_none_away(
    ahead: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = timezone.now() + ahead
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(timezone, "now", lambda: other)
        jobs.note.enqueue("hello")
    (held,) = claim(1)

    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(timezone, "now", lambda: other)
        assert claim(1) == []
        perform(held)

    assert jobs.heard == ["hello"]


@pytest.mark.django_db(transaction=True)
def test_a_worker_holds_its_leases_when_its_clock_is_put_back(
    file: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REALTIME = {"TASK_LEASE_SECONDS": 4.5}
    go_on = file.with_name("go on")
    slow = jobs.write_when.enqueue(str(file), str(go_on))

    with working():
        until(lambda: "begun" in file.read_text())
        monkeypatch.setattr(worker, "time", lambda: time.time() - 3_600)
        lease_end = TaskRow.objects.get(pk=slow.id).due_at
        until(lambda: TaskRow.objects.get(pk=slow.id).due_at > lease_end)
        assert TaskRow.objects.get(pk=slow.id).attempts == 1  # nobody has claimed it again
        go_on.touch()


def test_a_value_that_cannot_be_kept_does_not_run_the_task_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    jobs.odd.enqueue()

    assert run_due() == 1

    row = TaskRow.objects.get()
    assert (row.status, row.attempts, row.return_value) == ("SUCCESSFUL", 1, None)
    assert "returned what is no JSON" in caplog.text


def test_an_interrupted_task_is_tried_again_as_a_failed_one_and_ends_who_runs_it() -> None:
    jobs.interrupt.enqueue()

    with pytest.raises(KeyboardInterrupt):
        run_due()

    row = TaskRow.objects.get()
    assert (row.status, row.attempts, row.exception) == ("READY", 1, "builtins.KeyboardInterrupt")
    assert round((row.due_at - timezone.now()).total_seconds()) == 30


def test_what_succeeded_is_dropped_after_a_day_and_what_failed_after_thirty() -> None:
    jobs.note.enqueue("well")
    jobs.fail.enqueue("badly")
    TaskRow.objects.update(attempts=5)
    run_due()
    TaskRow.objects.update(finished_at=timezone.now() - timedelta(days=1))
    jobs.note.enqueue("just now")
    run_due()

    drop_finished()

    assert [row.status for row in TaskRow.objects.order_by("pk")] == ["FAILED", "SUCCESSFUL"]
    TaskRow.objects.update(finished_at=timezone.now() - timedelta(days=30))
    drop_finished()
    assert not TaskRow.objects.exists()


def test_failed_tasks_are_seen_and_retried_in_the_admin(client: Client, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(is_staff=True, is_superuser=True)
    client.force_login(ada)
    jobs.fail.enqueue("boom")
    jobs.note.enqueue("done")
    TaskRow.objects.update(attempts=5)
    run_due()
    page = reverse("admin:realtime_taskrow_changelist")

    assert b"ValueError: boom" in client.get(page).content
    chosen = {"action": "retry", "_selected_action": TaskRow.objects.values_list("pk", flat=True)}
    assert b"1 task runs again." in client.post(page, chosen, follow=True).content

    assert run_due() == 1
    assert jobs.heard == ["boom", "done", "boom"]
    assert not site.get_model_admin(TaskRow).has_add_permission(None)  # type: ignore[arg-type]


# Workers


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "written"
    file.touch()
    return file


@pytest.mark.django_db(transaction=True)
def test_a_worker_finds_what_nobody_woke_it_for(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.05)
    with working():
        backend.here.clear()
        jobs.write.enqueue(str(file), "unheard")
        until(lambda: "unheard done" in file.read_text())


@pytest.mark.django_db(transaction=True)
def test_a_worker_runs_some_at_a_time_and_more_when_one_ends(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 60)
    go_on = file.with_name("go on")
    enqueue_many(jobs.write_when, [(str(file), str(go_on))] * 20)
    with working():
        until(lambda: file.read_text().count("begun") == 4)  # half of the threads
        go_on.touch()
        until(lambda: file.read_text().count("done") == 20)
    assert file.read_text().splitlines()[:4] == ["begun"] * 4


@pytest.mark.django_db(transaction=True)
def test_a_layer_that_fails_only_costs_the_wake_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no layer")

    monkeypatch.setattr(backend, "get_channel_layer", object)
    monkeypatch.setattr(backend, "send_alone", refuse)

    jobs.note.enqueue("hello")

    assert run_due() == 1


async def test_a_process_that_serves_does_not_wait_for_the_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sends, go_on = [], asyncio.Event()

    class Hanging:
        async def send(self, *message: object) -> None:
            sends.append(message)
            await go_on.wait()

    monkeypatch.setattr(backend, "get_channel_layer", Hanging)
    this_engine().hub.answering.set()

    await asyncio.to_thread(backend.wake, "default")
    await asyncio.to_thread(backend.wake, "default")
    await asyncio.sleep(0)

    go_on.set()
    await stop_engine()
    assert sends == [("tasks", {"type": "tasks.wake"})] * 2


@pytest.mark.django_db(transaction=True)
def test_the_task_of_a_killed_worker_runs_again_after_its_lease(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.05)
    go_on = file.with_name("go on")
    with worker_process(file) as killed:
        jobs.write_when.enqueue(str(file), str(go_on))
        until(lambda: "begun" in file.read_text())
        killed.kill()
        killed.wait()

    go_on.touch()
    with working():
        until(lambda: TaskRow.objects.get().status == TaskResultStatus.SUCCESSFUL)

    assert file.read_text().splitlines() == ["begun", "begun", "done"]
    assert TaskRow.objects.get().attempts == 2


@pytest.mark.django_db(transaction=True)
def test_workers_run_each_task_once_and_hold_their_leases(
    file: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REALTIME = {"TASK_LEASE_SECONDS": 4.5}
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.05)
    go_on = file.with_name("go on")
    slow = jobs.write_when.enqueue(str(file), str(go_on))
    enqueue_many(jobs.write, [(str(file), str(number)) for number in range(20)])

    with working(), working():
        until(lambda: file.read_text().count("done") == 20)
        lease_end = TaskRow.objects.get(pk=slow.id).due_at
        until(lambda: TaskRow.objects.get(pk=slow.id).due_at > lease_end)
        go_on.touch()
        until(lambda: not TaskRow.objects.exclude(status="SUCCESSFUL").exists())

    texts = [f"{number} {what}" for number in range(20) for what in ("begun", "done")]
    assert sorted(file.read_text().splitlines()) == sorted([*texts, "begun", "done"])


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_stopped_finishes_what_it_runs_and_leaves_the_rest(
    file: Path, settings: Settings
) -> None:
    settings.REALTIME = {"TASK_THREADS": 1}
    go_on = file.with_name("go on")
    jobs.write_when.enqueue(str(file), str(go_on))
    jobs.write.enqueue(str(file), "waiting")
    with working() as running:
        until(lambda: "begun" in file.read_text())
        running._stopping = True  # as `stop` begins
        go_on.touch()

    assert file.read_text().splitlines() == ["begun", "done"]
    assert [row.status for row in TaskRow.objects.order_by("pk")] == ["SUCCESSFUL", "READY"]


@pytest.mark.django_db(transaction=True)
def test_one_task_leaves_half_of_the_threads_to_others(file: Path, settings: Settings) -> None:
    settings.REALTIME = {"TASK_THREADS": 4}
    go_on = file.with_name("go on")
    enqueue_many(jobs.write_when, [(str(file), str(go_on))] * 5)
    jobs.note.enqueue("meanwhile")
    with working():
        until(lambda: jobs.heard == ["meanwhile"])
        until(lambda: file.exists() and file.read_text().count("begun") == 2)
        assert TaskRow.objects.filter(status=TaskResultStatus.READY).count() == 3

        go_on.touch()
        until(lambda: file.read_text().count("done") == 5)


@pytest.mark.django_db(transaction=True)
def test_a_task_takes_all_threads_of_a_worker_of_its_own_queue(
    file: Path, settings: Settings
) -> None:
    settings.REALTIME = {"TASK_THREADS": 4}
    go_on = file.with_name("go on")
    for _ in range(4):
        jobs.write_when.using(queue_name="thumbnail.generate").enqueue(str(file), str(go_on))
    with working(queues=["thumbnail.generate"]):
        until(lambda: file.exists() and file.read_text().count("begun") == 4)
        go_on.touch()


@pytest.fixture
def hanging(file: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that a hanging task waits for; a worker gives it up soon, and works on alone."""
    settings.REALTIME = {"TASK_THREADS": 2, "TASK_LEASE_SECONDS": 0.3, "TASK_SECONDS": 0.1}
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.05)
    go_on = file.with_name("go on")
    yield go_on
    go_on.touch()
    until(lambda: not [each for each in enumerate_threads() if each.name.startswith("task-")])


@pytest.mark.django_db(transaction=True)
def test_a_task_that_hangs_is_given_up_and_another_thread_takes_its_place(
    file: Path, hanging: Path, settings: Settings
) -> None:
    hung = jobs.write_when.enqueue(str(file), str(hanging))
    others_go_on = file.with_name("others go on")
    with working():
        until(lambda: TaskRow.objects.get(pk=hung.id).exception)
        settings.REALTIME = {"TASK_THREADS": 4}
        enqueue_many(jobs.write_when, [(str(file), str(others_go_on))] * 2)
        until(lambda: file.read_text().count("begun") == 3)
        others_go_on.touch()
        until(lambda: file.read_text().count("done") == 2)

    row = TaskRow.objects.get(pk=hung.id)
    assert (row.status, row.attempts) == (TaskResultStatus.READY, 1)
    assert 20 < (row.due_at - timezone.now()).total_seconds() <= 30
    assert "in write_when\n" in row.traceback  # where it hangs
    assert row.traceback.endswith("It ran for more than 0.1 seconds (TASK_SECONDS).\n")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("alone", [True, False])
def test_a_worker_whose_threads_all_hang_takes_no_more_and_ends_a_process_of_its_own(
    file: Path,
    hanging: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    alone: bool,
) -> None:
    ended: list[tuple[int, int]] = []
    monkeypatch.setattr("os.kill", lambda *signal: ended.append(signal))
    enqueue_many(jobs.write_when, [(str(file), str(hanging))] * 2)
    with working(alive=file.with_name("alive") if alone else None):
        until(lambda: "2 threads hang in tasks" in caplog.text)
        jobs.write.enqueue(str(file), "never")
        time.sleep(0.2)  # in which it looks several times

        assert TaskRow.objects.latest("pk").attempts == 0
        assert ended == ([(os.getpid(), signal.SIGTERM)] if alone else [])

        hanging.touch()
        until(lambda: "never done" in file.read_text())


@pytest.mark.redis
@pytest.mark.django_db(transaction=True)
def test_an_idle_worker_is_woken_through_the_layer(file: Path) -> None:
    with Redis.from_url(settings.REDIS_URL) as redis, worker_process(file, LONG_POLLS, 1_800):
        jobs.write.enqueue(str(file), "first")
        until(lambda: "first done" in file.read_text())
        until(lambda: redis.pubsub_numsub(backend.CHANNEL)[0][1])
        jobs.write.enqueue(str(file), "woken")
        until(lambda: "woken done" in file.read_text())


@pytest.mark.embedded
def test_a_worker_of_channels_that_no_message_can_reach_says_so() -> None:
    with pytest.raises(CommandError, match="Set REDIS_URL"):
        call_command("runworker", "tasks", "other", stdout=StringIO())


@contextmanager
def working(
    queues: Collection[str] | None = None, *, alive: Path | None = None
) -> Iterator[worker.Worker]:
    """A worker in this process."""
    running = worker.Worker(queues, alive=alive)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def make_due() -> None:
    TaskRow.objects.update(due_at=Now())


@contextmanager
def worker_process(
    file: Path,
    before: str = "",
    lease: float = 0.5,
    settings_module: str = "config.settings",
) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py runworker tasks`. Told to stop, it must end in order.

    Args:
        before: code that runs first.
        lease: seconds.
    """
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": settings_module,
        "DATABASE_URL": database_url(),
        "DEBUG": "true",
        "REALTIME": json.dumps({"TASK_LEASE_SECONDS": lease}),
    }
    log = file.with_suffix(".log")
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", f"{SETUP}\n{before}\n{RUN}"],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
        if process.poll() is None:
            process.terminate()
            assert process.wait(WORKER_SECONDS) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def database_url() -> str:
    """The address of this test's database."""
    parts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{parts['NAME']}"
    user, password, host = (quote(parts[part], safe="") for part in ("USER", "PASSWORD", "HOST"))
    return f"postgres://{user}:{password}@{host}:{parts['PORT']}/{parts['NAME']}"


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WORKER_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "It did not come to be."
        time.sleep(0.02)
