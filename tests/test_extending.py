"""Parts that are taken out of a project by the steps of docs/extending.md: what is left passes.

Alone, a part is taken out for a quick look; with EVERY_REMOVAL=1 it has every check too.
"""

import os
import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.conftest import Bake, Manage
from tests.environment import SOURCE
from tests.projects import run, served

REMOVALS = {
    "everything": ["web push", "presence", "notifications", "chat"],
    "web push": ["web push"],
    "presence": ["presence"],
    "notifications": ["web push", "notifications"],
    "chat": ["chat"],
}
APPS = ["webpush", "presence", "notifications", "bots", "chat"]
QUICK = [
    "ruff check --no-cache .",
    "ruff format --check --no-cache .",
    "python manage.py asyncapi",  # reads every route
]
THOROUGH = [
    "pytest -p no:cacheprovider --numprocesses 2 --dist worksteal",
    "mypy .",
    "djlint --check --lint .",
    "lint-imports --no-cache",
    "python manage.py makemigrations --check --dry-run",
]
EXAMINED = [
    (removal, command)
    for removal in REMOVALS
    for command in [*THOROUGH, *QUICK]
    if command in QUICK or removal == "everything" or os.environ.get("EVERY_REMOVAL")
]
OWN = {"chatlog_robots": "--feed", "notificationsx": "--consumer", "mypresence": "--consumer"}
"""Apps of the owner, of which each has the name of a part in its own."""
SERVED = served(DATABASE_URL="sqlite:///served.sqlite3")
IN_SERVICE = """
from django.core.management import call_command

call_command("migrate", verbosity=0)
call_command("seed_demo")
for app in {dropped}:
    call_command("migrate", app, "zero")
"""

START = "from django.core.management import call_command\n" + "\n".join(
    f"call_command('startrealtime', {name!r}, {kind!r})" for name, kind in OWN.items()
)

Finding = Future[CompletedProcess[str]]


@pytest.mark.parametrize(("removal", "command"), EXAMINED)
def test_what_is_left_passes(
    findings: dict[tuple[str, str], Finding], removal: str, command: str
) -> None:
    done = findings[removal, command].result()
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("own", OWN)
def test_an_app_of_the_owners_stays(projects: dict[str, Path], own: str) -> None:
    config = projects["everything"] / "config"
    assert f'    "{own}",\n' in (config / "settings.py").read_text("utf-8")
    assert f'    path("", include("{own}.urls")),\n' in (config / "urls.py").read_text("utf-8")
    routing = (config / "routing.py").read_text("utf-8")
    assert f"\nfrom {own}.consumers import " in routing
    assert f'    path("ws/{own}/<slug:slug>/", ' in routing


def test_a_site_in_service_loses_the_tables_and_keeps_its_people(
    projects: dict[str, Path], manage: Manage
) -> None:
    project = projects["everything"]
    assert "No migrations to apply." in manage(project, "migrate", **SERVED)
    with closing(sqlite3.connect(project / "served.sqlite3")) as database:
        rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {name for (name,) in rows}
        ((people,),) = database.execute("SELECT count(*) FROM accounts_user")
    assert {name for name in tables if name.split("_")[0] in APPS} == set()
    assert people == 2


@pytest.fixture(scope="module")
def projects(bake: Bake, manage: Manage) -> dict[str, Path]:
    """A project of each removal; the one without everything was in service, and has own apps."""
    page = (SOURCE / "docs/extending.md").read_text("utf-8")
    projects = {name: bake(web_push=True, mqtt=True, kubernetes=True) for name in REMOVALS}
    manage(projects["everything"], "shell", "-c", START, **SERVED)
    dropped = re.findall(r"^manage\.py migrate (\w+) zero", page, re.MULTILINE)
    manage(projects["everything"], "shell", "-c", IN_SERVICE.format(dropped=dropped), **SERVED)
    for name, parts in REMOVALS.items():
        for part in parts:
            section = page.split(f"\n### Without {part}\n")[1]
            steps = section.split("```sh\n")[1].split("```")[0]
            done = run(["bash", "-euo", "pipefail", "-c", steps], projects[name])
            assert (done.returncode, done.stdout) == (0, ""), part
    return projects


@pytest.fixture(scope="module")
def findings(
    projects: dict[str, Path], python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, str], Finding]]:
    """What each command says; as many run at a time as there are cores."""
    cache = str(tmp_path_factory.mktemp("mypy"))

    def examine(removal: str, command: str) -> CompletedProcess[str]:
        name, *arguments = command.split()
        folder = projects[removal]
        return run([python.with_name(name), *arguments], folder, MYPY_CACHE_DIR=cache, DEBUG="true")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {each: pool.submit(examine, *each) for each in EXAMINED}
        pool.shutdown(cancel_futures=True)
