"""`manage.py startrealtime`: what it makes, and the counter that docs/tutorial.md makes of it.

realtime/tests/test_startrealtime.py of the bake tries the command itself.
"""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.conftest import Bake, Manage, Prepare
from tests.people import Person
from tests.projects import Server, run, served

APPS = {
    "internationalisation": "--feed",  # as long as a name may be
    "x10": "--feed",
    "x9": "--feed",
    "what_to_do_on_sunday": "--consumer",
    "hm": "--consumer",
    "electrocardiographic": "--consumer",
}
KILLED = """
import os
from pathlib import Path
from django.core.management import call_command

Path.replace = lambda *_: os._exit(9)
call_command("startrealtime", "begun")
"""
CHECKS = [
    "ruff check --no-cache .",
    "ruff format --check --no-cache .",
    "djlint --check --lint .",
    "mypy .",
    "lint-imports --no-cache",
    "python manage.py makemigrations --check --dry-run",
    "pytest -p no:cacheprovider counter internationalisation x10 x9 what_to_do_on_sunday hm "
    "config/tests/test_orders.py realtime/tests/test_startrealtime.py",
]
PRESSES = 40


@pytest.fixture(scope="module")
def started(bake: Bake, manage: Manage, python: Path) -> Path:
    """A project with the counter of docs/tutorial.md, and apps of each kind."""
    project = bake(mqtt=True)
    tutorial = (project / "docs/tutorial.md").read_text(encoding="utf-8")
    make, migrate = re.findall(r"^\.venv/bin/python manage\.py (.+)$", tutorial, re.MULTILINE)
    manage(project, *shlex.split(make), **served())
    for path, change in re.findall(r"In `(\S+)`,.*?```diff\n(.*?)```", tutorial, re.DOTALL):
        apply(change, project / path)
    manage(project, *shlex.split(migrate), **served())
    calls = [f"call_command('startrealtime', {name!r}, {kind!r})" for name, kind in APPS.items()]
    start = "\n".join(["from django.core.management import call_command", *calls])
    manage(project, "shell", "-c", start, **served())
    return project


@pytest.mark.parametrize("check", CHECKS)
def test_what_it_makes_passes(started: Path, python: Path, check: str) -> None:
    name, *arguments = check.split()
    done = run([python.with_name(name), *arguments], started, DEBUG="true")
    assert done.returncode == 0, done.stdout


def test_tests_run_after_a_kill(started: Path, python: Path) -> None:
    killed = run([python, "manage.py", "shell", "-c", KILLED], started, **served())
    assert killed.returncode == 9
    assert (started / "begun/models.py").exists()
    collect = ["-p", "no:cacheprovider", "--collect-only", "begun", "hm"]
    done = run([python.with_name("pytest"), *collect], started, DEBUG="true")
    shutil.rmtree(started / "begun")
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def server(started: Path, prepare: Prepare, python: Path, redis_url: str) -> Iterator[Server]:
    surroundings = served(REDIS_URL=redis_url)
    prepare(started, "seed_demo --force", **surroundings)
    with Server(python, started, surroundings) as server:
        yield server


@pytest.fixture(scope="module")
def sessions() -> dict[str, StorageState]:
    return {}


@pytest.fixture
def people(
    browser: Browser, server: Server, sessions: dict[str, StorageState]
) -> Iterator[tuple[Page, Page]]:
    """Ada's and Grace's pages."""
    ada, grace = (Person(browser, server, name, sessions) for name in ("ada", "grace"))
    ada.losses_expected = grace.losses_expected = True
    yield ada.page, grace.page
    for person in (ada, grace):
        assert person.complaints == []
        person.context.close()


def test_the_counter_counts_each_press_once_while_the_server_is_killed(
    people: tuple[Page, Page], server: Server, manage: Manage
) -> None:
    ada, grace = people
    make(ada, "/counter/", "doors")
    add(ada, "Guests")
    grace.goto("/counter/doors/")
    counts = [page.locator("[data-feed] output") for page in people]

    for page in people:
        page.wait_for_load_state()  # A form that was sent without its script loads the page again.
        press_for_a_while(page)
    expect(counts[0]).not_to_have_text("0")
    server.kill()
    server.start()
    for count in counts:
        expect(count).to_have_text(str(2 * PRESSES))
    grace.reload()
    expect(counts[1]).to_have_text(str(2 * PRESSES))


def test_a_feed_is_live_and_needs_no_script(people: tuple[Page, Page], browser: Browser) -> None:
    ada, grace = people
    make(ada, "/x9/", "week")
    grace.goto("/x9/week/")
    for title in ("Milk", "<b>Bread</b>"):
        add(ada, title)
    titles = grace.locator("[data-feed] .list__body")
    expect(titles).to_have_text(["Milk", "<b>Bread</b>"])
    grace.get_by_role("button", name="Delete Milk").click()
    expect(ada.locator("[data-feed] .list__body")).to_have_text(["<b>Bread</b>"])

    without = browser.new_context(
        storage_state=ada.context.storage_state(), java_script_enabled=False
    )
    page = without.new_page()
    page.goto(ada.url)
    add(page, "Eggs")
    expect(page.locator(".list__body")).to_have_text(["<b>Bread</b>", "Eggs"])
    expect(titles).to_have_text(["<b>Bread</b>", "Eggs"])
    without.close()


def test_one_text_is_the_same_for_all(people: tuple[Page, Page]) -> None:
    ada, grace = people
    make(ada, "/hm/", "door")
    grace.goto("/hm/door/")
    ada.get_by_label("Text").fill("Back at noon")
    ada.get_by_role("button", name="Write").click()
    for page in people:
        expect(page.locator("[data-topic]")).to_have_text("Back at noon")


def make(page: Page, path: str, name: str) -> None:
    page.goto(path)
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Add").click()
    page.wait_for_url(f"**{path}{name}/")


def add(page: Page, title: str) -> None:
    page.get_by_label("Title").fill(title)
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".list__body").last).to_have_text(title)


def press_for_a_while(page: Page) -> None:
    """Press the button again and again, while the page and the test go on."""
    page.evaluate(
        """(presses) => {
            const press = () => {
                document.querySelector("[name='item.increase']").click();
                if (--presses) setTimeout(press, 100);
            };
            press();
        }""",
        PRESSES,
    )


def apply(change: str, file: Path) -> None:
    """Make a change of the tutorial: a part of a diff, without the numbers of its lines."""
    lines = change.splitlines(keepends=True)
    old, new = (
        "".join(line if line == "\n" else line[1:] for line in lines if not line.startswith(sign))
        for sign in ("+", "-")
    )
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file} has not:\n{old}"
    file.write_text(text.replace(old, new), encoding="utf-8")
