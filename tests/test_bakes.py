"""Projects baked over a pairwise set of answers: each is checked as its owner would check it."""

import os
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import combinations, product
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.conftest import Bake
from tests.hooks import questions
from tests.projects import COLLECT, in_one_process, run
from tests.services import Postgres

Finding = Future[CompletedProcess[str]]

HANGING_SECONDS = 300
"""After which a test's threads are shown: it waits for something that never comes."""
LONG = "d" * 200
# Every pair of choices is in one row; what is free to choose differs from row to row.
ANSWERS: list[dict[str, Any]] = [  # Any: texts, and yes or no
    {
        "license": "MIT",
        "asgi_server": "daphne",
        "ci": "github",
        "web_push": True,
        "telegram": True,
        "kubernetes": False,
        "mqtt": True,
        "project_slug": "s" * 50,
    },
    {
        "license": "MIT",
        "asgi_server": "uvicorn",
        "ci": "gitlab",
        "web_push": False,
        "telegram": False,
        "kubernetes": False,
        "mqtt": False,
        "project_name": "L'Été & Co",
    },
    {
        "license": "MIT",
        "asgi_server": "daphne",
        "ci": "none",
        "web_push": False,
        "telegram": False,
        "kubernetes": True,
        "mqtt": False,
        "project_name": "“O’Hara’s”",
        "author_name": "Zoë O'Brien",
    },
    {
        "license": "BSD-3-Clause",
        "asgi_server": "uvicorn",
        "ci": "github",
        "web_push": False,
        "telegram": False,
        "kubernetes": False,
        "mqtt": False,
    },
    {
        "license": "BSD-3-Clause",
        "asgi_server": "daphne",
        "ci": "gitlab",
        "web_push": True,
        "telegram": False,
        "kubernetes": False,
        "mqtt": True,
        "author_name": "A" * 80,
    },
    {
        "license": "BSD-3-Clause",
        "asgi_server": "uvicorn",
        "ci": "none",
        "web_push": True,
        "telegram": True,
        "kubernetes": True,
        "mqtt": True,
        "project_name": "N" * 80,
    },
    {
        "license": "Apache-2.0",
        "asgi_server": "daphne",
        "ci": "github",
        "web_push": True,
        "telegram": True,
        "kubernetes": False,
        "mqtt": True,
    },
    {
        "license": "Apache-2.0",
        "asgi_server": "uvicorn",
        "ci": "gitlab",
        "web_push": False,
        "telegram": False,
        "kubernetes": True,
        "mqtt": False,
        "project_slug": "x",
    },
    {
        "license": "Apache-2.0",
        "asgi_server": "daphne",
        "ci": "none",
        "web_push": True,
        "telegram": False,
        "kubernetes": True,
        "mqtt": True,
        "domain_name": "localhost",
        "description": "d" * 200,
    },
    {
        "license": "AGPL-3.0-or-later",
        "asgi_server": "uvicorn",
        "ci": "github",
        "web_push": False,
        "telegram": True,
        "kubernetes": True,
        "mqtt": False,
        "project_name": "談話室",
    },
    {
        "license": "AGPL-3.0-or-later",
        "asgi_server": "daphne",
        "ci": "gitlab",
        "web_push": True,
        "telegram": False,
        "kubernetes": False,
        "mqtt": True,
    },
    {
        "license": "AGPL-3.0-or-later",
        "asgi_server": "uvicorn",
        "ci": "none",
        "web_push": False,
        "telegram": False,
        "kubernetes": False,
        "mqtt": False,
    },
    {
        "license": "Proprietary",
        "asgi_server": "daphne",
        "ci": "github",
        "web_push": True,
        "telegram": False,
        "kubernetes": False,
        "mqtt": True,
    },
    {
        "license": "Proprietary",
        "asgi_server": "uvicorn",
        "ci": "gitlab",
        "web_push": False,
        "telegram": True,
        "kubernetes": True,
        "mqtt": True,
        "project_name": '100% "#1"',
    },
    {
        "license": "Proprietary",
        "asgi_server": "daphne",
        "ci": "none",
        "web_push": True,
        "telegram": False,
        "kubernetes": True,
        "mqtt": False,
        "project_name": "صالون",
    },
]
CHOICES = {
    name: offered if isinstance(offered, list) else [True, False]
    for name, offered in questions().items()
    if isinstance(offered, list | bool) and not name.startswith("_")
}
PRODUCTION = {
    "SECRET_KEY": "a-key-as-long-and-as-random-as-a-deployment-would-have-0123456789",
    "DEBUG": "false",
    "EMAIL_URL": "smtp://localhost",
}
COMMANDS = {
    "ruff check": "ruff check --no-cache .",
    "ruff format": "ruff format --check --no-cache .",
    "djlint": "djlint --check --lint .",
    "mypy": "mypy --cache-dir=/dev/null .",
    "imports": "lint-imports --no-cache",
    "migrations": "python manage.py makemigrations --check --dry-run",
    "tests": "pytest -p no:cacheprovider",
}
DEPLOYMENT = (COLLECT, "migrate", "check --deploy --fail-level WARNING")
CHECKS = [*COMMANDS, "deployment"]
# Bakes that agree in these answers have the same code: the first of them has these checks, and the
# longest of them where it is the first with one of the answers.
OF_CODE = ("asgi_server", "web_push", "telegram", "mqtt")
CHECKS_OF_CODE = {"imports", "migrations", "tests"}
CHECKS_OF_AN_ANSWER = {"djlint", "mypy"}
# Which folders' tests run, besides all of one server over PostgreSQL and Redis: all of what one
# bakes by default, of all there is with the other server what that adds, of the rest what answers
# reach.
FOLDERS: list[tuple[dict[str, object], list[str]]] = [
    ({"asgi_server": "daphne", "web_push": False, "telegram": False, "mqtt": False}, []),
    (
        {"asgi_server": "uvicorn", "web_push": True, "telegram": True, "mqtt": True},
        ["config", "notifications", "bridges"],
    ),
    ({}, ["config"]),
]
LEFT_OVER = re.compile(rb"\{[{%#] *cookiecutter|^[ \t]*# ?% ?(if|el|end)", re.MULTILINE)


def examinations() -> Iterator[tuple[int, str]]:
    """Which checks which bakes have, these by their numbers in `ANSWERS`."""
    codes: set[frozenset[tuple[str, object]]] = set()
    for number, answers in enumerate(ANSWERS):
        code = frozenset((name, answers[name]) for name in OF_CODE)
        left_out = CHECKS_OF_CODE if code in codes else set()
        if code <= frozenset().union(*codes):
            left_out = left_out | CHECKS_OF_AN_ANSWER
        yield from ((number, check) for check in CHECKS if check not in left_out)
        codes.add(code)


@pytest.mark.parametrize(
    "examination",
    list(examinations()),
    ids=lambda each: f"{'-'.join(list(ANSWERS[each[0]].values())[:3])}-{each[1]}",
)
def test_a_bake_passes(
    findings: dict[tuple[int, str], Finding], examination: tuple[int, str]
) -> None:
    done = findings[examination].result()
    assert done.returncode == 0, done.stdout


def test_nothing_of_the_template_is_left_in_a_bake(projects: list[Path]) -> None:
    left = [
        str(file)
        for project in projects
        for file in files(project)
        if LEFT_OVER.search(content(file))
    ]
    assert left == []


def test_the_answers_cover_every_pair_of_choices() -> None:
    covered = {
        frozenset({(first, row[first]), (second, row[second])})
        for row in ANSWERS
        for first, second in combinations(CHOICES, 2)
    }
    pairs = {
        frozenset({(first, one), (second, other)})
        for first, second in combinations(CHOICES, 2)
        for one, other in product(CHOICES[first], CHOICES[second])
    }
    assert pairs - covered == set()


@pytest.mark.parametrize(
    ("asgi_server", "tests"),
    [
        ("daphne", ["--numprocesses", "4", "--dist", "worksteal"]),
        ("uvicorn", ["config/tests/test_serving.py"]),  # all that tells one server from the other
    ],
    ids=CHOICES["asgi_server"],
)
def test_its_tests_pass_over_postgresql_and_redis(
    bake: Bake,
    python: Path,
    postgres_url: str,
    redis_url: str,
    asgi_server: str,
    tests: list[str],
) -> None:
    project = bake(asgi_server=asgi_server)
    services = {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url}

    told = ["-p", "no:cacheprovider", "-o", f"faulthandler_timeout={HANGING_SECONDS}"]
    done = run([python.with_name("pytest"), *told, *tests], project, **services)

    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def projects(bake: Bake) -> list[Path]:
    """A bake of each of the answers."""
    return [bake(**answers) for answers in ANSWERS]


@pytest.fixture(scope="module")
def findings(
    projects: list[Path],
    python: Path,
    postgres: Postgres,
    redis_url: str,
) -> Iterator[dict[tuple[int, str], Finding]]:
    """What each check finds in each bake. As many run at a time as there are cores; what they say
    is asked for one by one."""

    def examine(number: int, check: str) -> CompletedProcess[str]:
        project = projects[number]
        if check == "deployment":
            services = {"DATABASE_URL": postgres.create_database(), "REDIS_URL": redis_url}
            return in_one_process(python, project, *DEPLOYMENT, **PRODUCTION, **services)
        name, *arguments = COMMANDS[check].split()
        if check == "tests":
            answers = ANSWERS[number].items()
            arguments += next(names for kind, names in FOLDERS if kind.items() <= answers)
        return run([python.with_name(name), *arguments], project)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {each: pool.submit(examine, *each) for each in examinations()}
        pool.shutdown(cancel_futures=True)


def content(file: Path) -> bytes:
    """What is in a file; nothing where a check of the bake has removed it meanwhile."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def files(project: Path) -> Iterator[Path]:
    for path in project.rglob("*"):
        if path.is_file() and ".git" not in path.relative_to(project).parts:
            yield path
