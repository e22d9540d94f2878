"""The health check of a worker's container."""

import os
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from operations import probe
from realtime.tasks import worker


@pytest.fixture
def alive_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(probe, "ALIVE_FOLDER", tmp_path)
    return tmp_path / "tasks-worker"


def test_both_know_the_same_file() -> None:
    assert probe.ALIVE_FOLDER / "tasks-worker" == worker.ALIVE_FILE


def test_a_worker_that_looked_just_now_is_well(alive_file: Path) -> None:
    alive_file.touch()
    assert probe.main("tasks") == 0


def test_a_worker_that_is_silent_or_was_never_there_is_not(
    alive_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe.main("tasks") == 1
    alive_file.touch()
    os.utime(alive_file, (time.time() - 61, time.time() - 61))
    assert probe.main("tasks") == 1
    assert capsys.readouterr().out == (
        "No worker of tasks has run here.\nThe worker of tasks was last alive 61 seconds ago.\n"
    )


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104
        ("::", "::1"),
        ("[::1]", "::1"),
        ("10.0.0.7", "10.0.0.7"),
    ],
)
def test_a_server_is_asked_where_it_listens(
    host: str, asked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: HTTPConnection) -> None:
        raise OSError(f"{self.host} {self.port}")

    monkeypatch.setattr(HTTPConnection, "connect", refuse)
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("PORT", " 8080 ")
    assert probe.main("/readyz") == 1
    assert capsys.readouterr().out == f"/readyz: OSError {asked} 8080\n"
