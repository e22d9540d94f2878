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
RUNSERVER = "python manage.py runserver --noreload 127.0.0.1:{port}"
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


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    return bake(asgi_server="daphne")


@pytest.fixture
def database(postgres_url: str, manage: Manage, project: Path) -> str:
    manage(project, "migrate", DATABASE_URL=postgres_url)
    return postgres_url


def test_the_development_server_runs_tasks(
    project: Path, python: Path, manage: Manage, database: str, tmp_path: Path
) -> None:
    surroundings = worker(database)
    call = f"jobs.write.enqueue({str(tmp_path / 'written')!r}, 'hello')"
    manage(project, "shell", "-c", f"{JOBS}{call}", **surroundings)

    with Server(python, project, surroundings, RUNSERVER) as server:
        wait_for_lines(server, tmp_path / "written", ["hello begun", "hello done"])


def test_two_workers_run_each_task_once_and_hold_their_leases(
    project: Path, python: Path, manage: Manage, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "written"
    surroundings = worker(database, TASK_LEASE_SECONDS=9)
    calls = [(str(file), "slow", 12), *((str(file), str(number)) for number in range(60))]
    manage(project, "shell", "-c", f"{JOBS}enqueue_many(jobs.write, {calls})", **surroundings)

    with launched(python, project, surroundings, RUNWORKER, count=2) as server:
        expected = [f"{call[1]} {what}" for call in calls for what in ("begun", "done")]
        wait_for_lines(server, file, expected)
    assert sorted(file.read_text().splitlines()) == sorted(expected)


def test_a_worker_that_is_stopped_finishes_what_it_runs_and_leaves_the_rest(
    project: Path, python: Path, manage: Manage, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "written"
    surroundings = worker(database, TASK_THREADS=1)
    calls = [(str(file), "running", 4), (str(file), "waiting")]
    manage(project, "shell", "-c", f"{JOBS}enqueue_many(jobs.write, {calls})", **surroundings)

    with launched(python, project, surroundings, RUNWORKER) as server:
        wait_for_lines(server, file, ["running begun"])
        server.stop()
        assert server.process
        assert server.process.returncode == 0, server.log

    assert file.read_text().splitlines() == ["running begun", "running done"]


def test_a_worker_whose_threads_hang_ends_and_the_next_one_works_on(
    project: Path, python: Path, manage: Manage, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "written"
    surroundings = worker(database, TASK_THREADS=1, TASK_LEASE_SECONDS=1, TASK_SECONDS=1)
    hang = f"jobs.write_when.enqueue({str(file)!r}, {str(tmp_path / 'never')!r})"
    write = f"jobs.write.enqueue({str(file)!r}, 'next')"
    manage(project, "shell", "-c", f"{JOBS}{hang}; {write}", **surroundings)

    with launched(python, project, surroundings, RUNWORKER) as server:
        assert server.process
        assert server.process.wait(90) == 0, server.log
        assert "no more of them until it is restarted" in server.log
    with launched(python, project, surroundings, RUNWORKER) as server:
        wait_for_lines(server, file, ["begun", "next begun", "next done"])


def worker(database: str, **limits: int) -> dict[str, str]:
    """The environment of a worker."""
    return served(DATABASE_URL=database, REALTIME=json.dumps(limits))


@contextmanager
def launched(
    python: Path, project: Path, surroundings: dict[str, str], command: str, count: int = 1
) -> Iterator[Server]:
    """Processes of that command, which are sent nothing; gives the first."""
    with ExitStack() as stack:
        servers = [Server(python, project, surroundings, command) for _ in range(count)]
        for server in servers:
            stack.push(server)
            server.launch()
        yield servers[0]


def wait_for_lines(server: Server, file: Path, expected: list[str]) -> None:
    def written() -> bool:
        return file.exists() and sorted(file.read_text().splitlines()) == sorted(expected)

    wait_for(written, f"The file with {expected}", server.process)
