"""Long work shows how far it is, on a terminal and in a pipe, and says what Ctrl-C has left.

The scripts of deploy/ reach PostgreSQL by a `docker` of this test's own, which runs the programs of
this machine.
"""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from select import select
from typing import NamedTuple

import pytest

from tests.conftest import Bake, Manage
from tests.projects import served
from tests.services import Postgres

DOCKER = """#!/bin/sh
[ "$2" = exec ] || exit 0  # compose stop, up, run
shift 3
[ "$1" != --workdir ] || { cd "$MEDIA"; shift 2; }
shift
[ "$1" != pg_dump ] || sleep "${SLOW:-0}"
exec "$@"
"""
PEOPLE = 4000
BEGIN = f"""
from accounts.models import User
User.objects.bulk_create(User(username=f"p{{n}}", email=f"{{n}}@x.test") for n in range({PEOPLE}))
"""
TOLD = """
import json
from accounts.models import User
from notifications.models import Notification
rows = [each for each in Notification.objects.all() if each.data["text"] == "Once"]
told = {row.recipient_id for row in rows}
print(json.dumps({"people": User.objects.count(), "told": len(told), "notifications": len(rows)}))
"""


class Done(NamedTuple):
    """What a command has written, and how it ended."""

    out: str
    err: str
    code: int


class Shell:
    """Runs the project's commands, with standard error on a terminal or in a pipe."""

    def __init__(self, project: Path, surroundings: dict[str, str]) -> None:
        self.project = project
        self.surroundings = surroundings

    def run(
        self,
        *command: str | Path,
        terminal: bool,
        stop_when: Callable[[str], object] = lambda err: False,
        **more: str,
    ) -> Done:
        """Run a command; press Ctrl-C once this holds, of what is on standard error."""
        reads, writes = os.openpty() if terminal else os.pipe()
        process = subprocess.Popen(
            command,
            cwd=self.project,
            env=self.surroundings | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=writes,
            start_new_session=True,
        )
        os.close(writes)
        err, stopped = "", False
        while True:
            if select([reads], [], [], 0.02)[0]:
                if not (piece := read(reads)):
                    break
                err += piece.decode()
            if not stopped and stop_when(err):
                os.killpg(process.pid, signal.SIGINT)
                stopped = True
        os.close(reads)
        out, _ = process.communicate(timeout=60)
        return Done(out.decode(), err, process.returncode)


def read(end: int) -> bytes:
    """The next that was written; a terminal that nobody has open any more raises."""
    try:
        return os.read(end, 65536)
    except OSError:
        return b""


@pytest.fixture(scope="module")
def shell(
    bake: Bake, manage: Manage, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shell]:
    # The job of a shell may ignore it, and what it starts then ignores it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert postgres.sql("CREATE ROLE site SUPERUSER LOGIN")
    assert postgres.sql("CREATE DATABASE site OWNER site")
    programs = tmp_path_factory.mktemp("programs")
    (programs / "docker").write_text(DOCKER, encoding="utf-8")
    (programs / "docker").chmod(0o755)
    surroundings = served(
        DATABASE_URL=f"postgres://site@127.0.0.1:{postgres.port}/site",
        PGHOST="127.0.0.1",
        PGPORT=str(postgres.port),
        PATH=f"{programs}:{os.environ['PATH']}",
        MEDIA=str(tmp_path_factory.mktemp("media")),
    )
    project = bake()
    manage(project, "migrate", **surroundings)
    manage(project, "shell", "-c", BEGIN, **surroundings)
    yield Shell(project, surroundings)
    for name in ("site", "site_before", "site_restored"):
        postgres.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_a_command_shows_how_far_it_is_on_a_terminal_alone(
    shell: Shell, python: Path, terminal: bool
) -> None:
    done = shell.run(
        python,
        "manage.py",
        "notify",
        "Hello",
        "--everyone",
        "--settings=config.settings",
        terminal=terminal,
    )

    assert done.out.splitlines()[-1] == "Told 4,000 of 4,000 people."
    shown = re.findall(r"\r([\d,]+) of 4,000 people, [\d,]+ a second", done.err)
    steps = [f"{count:,}" for count in range(500, PEOPLE + 1, 500)]
    assert (done.code, shown) == (0, steps if terminal else [])


def test_who_goes_on_after_ctrl_c_tells_everyone_once(
    shell: Shell, python: Path, manage: Manage
) -> None:
    notify: list[str | Path] = [python, "manage.py", "notify", "Once", "--everyone"]
    stopped = shell.run(*notify, terminal=True, stop_when=lambda err: "500 of" in err)
    (after,) = re.findall(r"Stopped after .*; run it again with --after (\d+) for", stopped.err)
    done = shell.run(*notify, "--after", after, terminal=False)

    assert (stopped.code, done.code) == (130, 0)
    assert json.loads(manage(shell.project, "shell", "-v0", "-c", TOLD, **shell.surroundings)) == {
        "people": PEOPLE,
        "told": PEOPLE,
        "notifications": PEOPLE,
    }


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_a_backup_and_a_restore_show_how_far_they_are_on_a_terminal_alone(
    shell: Shell, terminal: bool
) -> None:
    backup = shell.run("deploy/backup", terminal=terminal)
    file = backup.out.strip()
    size = (shell.project / file).stat().st_size
    restored = shell.run("deploy/restore", file, terminal=terminal)

    assert (backup.code, restored.code) == (0, 0), backup.err + restored.err
    for done in (backup, restored):
        assert (f"{size} bytes" in done.err) is terminal
        assert bool(re.search(r"has \d+ MB", done.err)) is terminal
    assert restored.out.splitlines()[-2].startswith("The database is as in ")


def test_a_backup_that_is_stopped_leaves_nothing(shell: Shell) -> None:
    folder = shell.project / "stopped"
    done = shell.run(
        "deploy/backup",
        terminal=True,
        stop_when=lambda err: list(folder.glob("*.part")),
        SLOW="60",
        BACKUPS=str(folder),
    )

    assert done.code == 130
    assert "Stopped, and nothing is kept of the backup: run it again." in done.err
    assert list(folder.iterdir()) == []
