"""The threads of database work, and their connections."""

from threading import BrokenBarrierError, Event

import pytest

from realtime import database


def test_a_thread_that_hangs_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "CLOSE_SECONDS", 0.05)
    go_on = Event()
    hanging = database._threads().submit(go_on.wait, 30)
    try:
        with pytest.raises(BrokenBarrierError):
            database.close_connections()
    finally:
        go_on.set()
        assert hanging.result()
    monkeypatch.undo()
    database.close_connections()
