"""The thread that works off the queue."""

import threading

import pytest

from notifications.webpush import worker

WAIT_SECONDS = 5


@pytest.fixture(autouse=True)
def real_worker(configured: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()


def test_what_is_put_in_while_it_works_is_worked_off_too() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()
    times = []

    def work() -> None:
        times.append(threading.current_thread())
        begun.set()
        go_on.wait(WAIT_SECONDS)
        if len(times) == 2:
            done.set()

    worker.wake(work)
    assert begun.wait(WAIT_SECONDS)
    worker.wake(work)
    worker.wake(work)
    go_on.set()

    assert done.wait(WAIT_SECONDS)
    ended(times[0])
    assert len(times) == 2
    assert times[0] is times[1]


def test_it_comes_back_when_something_is_due() -> None:
    done = threading.Event()
    waits = iter([0.01, None])

    def work() -> float | None:
        wait = next(waits)
        if wait is None:
            done.set()
        return wait

    worker.wake(work)

    assert done.wait(WAIT_SECONDS)


def test_a_fault_is_logged_and_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "FAULT_SECONDS", 0.01)
    done = threading.Event()
    faults = iter([True, False])

    def work() -> None:
        if next(faults):
            raise RuntimeError("a fault")
        done.set()

    worker.wake(work)

    assert done.wait(WAIT_SECONDS)
    assert "a fault" in caplog.text


def ended(thread: threading.Thread) -> None:
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()
