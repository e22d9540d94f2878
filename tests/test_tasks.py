"""Background work of a bake in real processes: they run tasks, and hold their leases."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.conftest import Bake, Manage
from tests.projects import SERVE, Server, served
from tests.services import wait_for

RUNWORKER = "python manage.py runworker tasks"
JOBS = "from realtime.tasks import enqueue_many\nfrom realtime.tests import jobs\n"


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("asgi_server", ["daphne", "uvicorn"])
def test_a_server_runs_tasks_before_any_request_comes(
    bake: Bake,
    python: Path,
    manage: Manage,
    postgres_url: str,
    redis_url: str,
    tmp_path: Path,
    asgi_server: str,
    processes: int,
) -> None:
    project, file, go_on = bake(asgi_server=asgi_server), tmp_path / "written", tmp_path / "go on"
    surroundings = served(
        DATABASE_URL=postgres_url,
        REDIS_URL=redis_url,
        REALTIME=json.dumps({"TASK_THREADS": 1}),  # so that each process has to run one of them
        WEB_CONCURRENCY=str(processes),
    )
    manage(project, "migrate", **surroundings)
    calls = [(str(file), str(go_on))] * processes
    manage(project, "shell", "-c", f"{JOBS}enqueue_many(jobs.write_when, {calls})", **surroundings)

    with launched(python, project, surroundings, SERVE) as server:
        wait_for_lines(server, file, ["begun"] * processes)
        go_on.touch()
        wait_for_lines(server, file, ["begun"] * processes + ["done"] * processes)


@contextmanager
def launched(
    python: Path, project: Path, surroundings: dict[str, str], command: str, count: int = 1
) -> Iterator[Server]:
    """Processes of that command, which are sent nothing; gives the first."""
    with ExitStack() as stack:
        servers = [Server(python, project, surroundings, command) for _ in range(count)]
        for server in servers:
            stack.callback(server.kill)
            server.launch()
        yield servers[0]


def wait_for_lines(server: Server, file: Path, expected: list[str]) -> None:
    def written() -> bool:
        return file.exists() and sorted(file.read_text().splitlines()) == sorted(expected)

    wait_for(written, f"The file with {expected}", server.process)
