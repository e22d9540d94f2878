"""Outlets: each change of a feed is delivered at least once, in order, whoever dies."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from realtime.feeds import outlets
from realtime.feeds.changes import changing
from realtime.feeds.outlets import GiveUp, Outlet
from realtime.feeds.reading import missed
from realtime.models import TaskRow
from realtime.tasks import RetryLater, run_due, worker
from realtime.tests.taps.models import Entry, Ledger, Tap, faults
from realtime.tests.test_tasks import make_due, until, worker_process, working

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_faults() -> Iterator[None]:
    yield
    faults.clear()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger.objects.create(slug="main")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "delivered"
    file.touch()
    return file


@pytest.fixture
def tap(ledger: Ledger, file: Path) -> Tap:
    return Tap.objects.create(ledger=ledger, file=str(file))


def write(ledger: Ledger, *texts: str) -> None:
    for text in texts:
        with ledger.changing() as changes:
            changes.add(Entry(ledger=ledger, text=text))


def test_changes_are_delivered_in_the_order_of_their_numbers(
    ledger: Ledger, tap: Tap, file: Path
) -> None:
    write(ledger, "one", "two", "three")
    with ledger.changing() as changes:
        changes.delete(changes.get(Entry, seq=1))

    assert run_due() == 1

    assert file.read_text().split() == ["two", "three", "-"]
    tap.refresh_from_db()
    assert (tap.rev, tap.task) == (4, None)


def test_what_was_delivered_is_not_delivered_again(ledger: Ledger, tap: Tap, file: Path) -> None:
    for text in ("one", "two"):
        write(ledger, text)
        run_due()

    assert file.read_text().split() == ["one", "two"]


def test_one_task_delivers_and_is_rolled_back_with_the_change(ledger: Ledger, tap: Tap) -> None:
    with transaction.atomic():
        write(ledger, "never")
        transaction.set_rollback(True)
    assert not TaskRow.objects.exists()

    write(ledger, "one", "two")

    assert TaskRow.objects.count() == 1


def test_a_number_of_no_item_counts_as_delivered(ledger: Ledger, tap: Tap, file: Path) -> None:
    with ledger.changing() as changes:
        changes.mark(changes.feed)

    run_due()

    tap.refresh_from_db()
    assert (tap.rev, tap.task, file.read_text()) == (1, None, "")


def test_an_inactive_outlet_delivers_nothing_until_it_is_active(
    ledger: Ledger, tap: Tap, file: Path
) -> None:
    Tap.objects.update(is_active=False)
    write(ledger, "one")
    assert run_due() == 0

    Tap.objects.update(is_active=True)
    tap.enqueue()
    run_due()

    assert file.read_text().split() == ["one"]


def test_an_outlet_that_is_restarted_forgets_its_failures_and_delivers_at_once(
    ledger: Ledger, tap: Tap, file: Path
) -> None:
    faults.extend([GiveUp("gone"), RetryLater("busy")])
    Tap.objects.update(failing_since=timezone.now() - timedelta(days=9), failures=9)
    write(ledger, "one")
    run_due()

    tap.restart()
    assert (tap.is_active, tap.failing_since, tap.failures, tap.error) == (True, None, 0, "")
    run_due()
    tap.refresh_from_db()
    assert (tap.is_active, tap.failures) == (True, 1)

    tap.restart()
    run_due()
    assert file.read_text().splitlines() == ["gave up: gone", "one"]


@pytest.mark.parametrize(
    ("fault", "pauses"),
    [
        (ValueError("no"), [30, 120, 480, 1920, 3600, 3600]),
        (RetryLater("busy", 300), [300, 300, 480, 1920, 3600, 3600]),
    ],
)
def test_what_fails_is_tried_again_ever_later_and_nothing_overtakes_it(
    ledger: Ledger, tap: Tap, file: Path, fault: Exception, pauses: list[int]
) -> None:
    faults.extend([fault] * 6)
    write(ledger, "one")
    seen = []
    for number in range(6):
        run_due()
        write(ledger, f"later {number}")
        due_at = TaskRow.objects.get(status="READY").due_at
        seen.append(round((due_at - timezone.now()).total_seconds()))
        make_due()
    tap.refresh_from_db()
    assert (tap.failures, tap.rev) == (6, 0)
    assert str(fault) in tap.error

    run_due()

    assert file.read_text().splitlines() == ["one", *(f"later {number}" for number in range(6))]
    tap.refresh_from_db()
    assert (tap.failures, tap.failing_since, tap.error) == (0, None, "")
    assert seen == pauses


@pytest.mark.parametrize(
    ("fault", "said"), [(ValueError("no"), "ValueError: no"), (GiveUp("gone"), "gone")]
)
def test_what_fails_for_too_long_or_for_good_is_made_inactive(
    ledger: Ledger,
    tap: Tap,
    file: Path,
    fault: Exception,
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults.append(fault)
    if not isinstance(fault, GiveUp):
        Tap.objects.update(failing_since=timezone.now() - timedelta(hours=1))
    write(ledger, "one")

    run_due()
    write(ledger, "two")

    assert run_due() == 0
    tap.refresh_from_db()
    assert (tap.is_active, tap.rev) == (False, 0)
    assert file.read_text() == f"gave up: {said}\n"
    assert f"tap {tap.pk} delivered nothing, it is off: {said}" in caplog.text


def test_a_task_whose_place_was_taken_delivers_nothing(
    ledger: Ledger, tap: Tap, file: Path
) -> None:
    write(ledger, "one")
    (replaced,) = worker.claim(1)
    tap.refresh_from_db()
    tap.enqueue()

    worker.perform(replaced)
    assert file.read_text() == ""

    run_due()
    assert file.read_text().split() == ["one"]


def test_what_is_written_while_a_task_ends_is_delivered_by_it(
    ledger: Ledger, tap: Tap, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = ["late"]

    def missed_before_a_write(*arguments: Any) -> Any:  # Any: of any item
        pages = missed(*arguments)
        if late:
            write(ledger, late.pop())
        return pages

    monkeypatch.setattr(outlets, "missed", missed_before_a_write)
    write(ledger, "one")

    assert run_due() == 1

    assert file.read_text().split() == ["one", "late"]


def test_an_outlet_whose_task_failed_gets_another_with_the_next_change(
    ledger: Ledger, tap: Tap, file: Path
) -> None:
    write(ledger, "one")
    TaskRow.objects.update(status="FAILED")
    write(ledger, "two")

    assert run_due() == 1

    assert file.read_text().split() == ["one", "two"]


def test_an_outlet_that_has_much_to_deliver_lets_others_run(
    ledger: Ledger, tap: Tap, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlets, "TURN_SECONDS", -1)
    write(ledger, "one", "two", "three")

    assert run_due() == 3  # two pages, and a look

    assert file.read_text().split() == ["one", "two", "three"]


def test_a_change_asks_once_for_outlets_where_there_are_some(db: None) -> None:
    ledgers = [Ledger.objects.create(slug=f"l{number}") for number in range(10)]
    with CaptureQueriesContext(connection) as queries, changing(Ledger.objects.all()) as changes:
        changes.add(*(Entry(ledger=each, text="one") for each in ledgers))
    assert len(queries) == 5  # BEGIN, the lock, the items, the numbers, COMMIT

    for each in ledgers:
        Tap.objects.create(ledger=each, file="")
    with CaptureQueriesContext(connection) as queries, changing(Ledger.objects.all()) as changes:
        changes.add(*(Entry(ledger=each, text="two") for each in ledgers))
    assert len(queries) == 8  # and the outlets, the tasks, and whose they are
    assert TaskRow.objects.count() == 10


def test_an_outlet_that_is_made_inactive_while_it_delivers_stays_so(
    ledger: Ledger, tap: Tap, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deliver(*_: object) -> None:
        Tap.objects.update(is_active=False)
        raise ValueError("no")

    monkeypatch.setattr(Tap, "deliver", deliver)
    write(ledger, "one")

    assert run_due() == 1

    tap.refresh_from_db()
    assert (tap.is_active, tap.failures) == (False, 0)
    assert not TaskRow.objects.filter(status="READY").exists()


@pytest.mark.django_db(transaction=True)
def test_a_killed_worker_loses_nothing_and_another_goes_on(
    ledger: Ledger, tap: Tap, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.05)
    Tap.objects.update(seconds=0.02)
    texts = [f"entry-{number:02}" for number in range(20)]
    with worker_process(file, settings_module="config.test_settings") as killed:
        write(ledger, *texts)
        until(lambda: "entry-03" in file.read_text())
        killed.kill()
        killed.wait()

    with working(), working():
        until(lambda: not Tap.objects.filter(task__isnull=False).exists())

    delivered = file.read_text().split()
    firsts = list(dict.fromkeys(delivered))
    assert firsts == texts
    assert len(delivered) - len(texts) <= Tap.page_items  # what was under way is delivered again


@pytest.mark.django_db(transaction=True)
def test_what_is_written_while_two_workers_deliver_comes_once_in_order(
    ledger: Ledger, tap: Tap, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 60)  # a lost wake-up would be seen
    texts = [f"entry-{number:02}" for number in range(40)]
    with working(), working():
        write(ledger, *texts)
        until(lambda: "entry-39" in file.read_text())

    assert file.read_text().split() == texts


def test_an_outlet_of_ones_own_says_how_it_delivers(ledger: Ledger) -> None:
    with pytest.raises(NotImplementedError):
        Outlet.deliver(Tap(ledger=ledger), [])
