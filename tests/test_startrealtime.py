"""`manage.py startrealtime`: what it makes passes every check as it stands, or nothing is made."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.conftest import Bake, Manage
from tests.people import Person
from tests.projects import Server, run, served

APPS = [
    ["plan"],
    ["to_be_done_this_week", "--feed"],  # as long as a name may be
    ["hm", "--consumer"],
    ["what_is_on_the_menu", "--consumer"],
]
CHECKS = [
    "ruff check --no-cache .",
    "ruff format --check --no-cache .",
    "djlint --check --lint .",
    "mypy .",
    "lint-imports --no-cache",
    "python manage.py makemigrations --check --dry-run",
    "pytest -p no:cacheprovider plan to_be_done_this_week hm what_is_on_the_menu config",
]
REFUSED = {
    "Plan": "'Plan' cannot name an app: give a word of Python's in lower case, of at most 20 "
    "letters, digits and underscores, such as plan.",
    "a" * 21: "cannot name an app",
    "1st": "cannot name an app",
    "class": "cannot name an app",
    "../plan": "cannot name an app",
    "": "cannot name an app",
    "chat": "There is a chat in this project: give another name.",
    "static": "There is a static in this project: give another name.",
    "json": "json is a module of Python or of a package: give another name.",
    "redis": "redis is a module of Python or of a package: give another name.",
    "stream": "There are topics stream:... already: give another name.",
    "rooms": "The site has something at /rooms/ already: give another name.",
    "metrics": "The site has something at /metrics/ already: give another name.",
}
# The last command ends as many renames after its first as the environment says.
STOPPED = """
import os, pathlib, sys
from django.core.management import execute_from_command_line

steps, ends = int(os.environ["STEPS"]), os.environ["ENDS"]
for name in ("rename", "replace"):
    def step(self, target, *, go_on=getattr(pathlib.Path, name)):
        global steps
        steps -= 1
        if steps == 0:
            if ends == "killed":
                os._exit(9)
            raise OSError(28, "No space left on device", str(target))
        return go_on(self, target)
    setattr(pathlib.Path, name, step)
execute_from_command_line(["manage.py", "startrealtime", "plan"])
"""
STEPS = 5  # the app, settings, URLs, routes, pyproject.toml


@pytest.fixture(scope="module")
def started(bake: Bake, manage: Manage) -> Path:
    """A project with apps of each kind, made one after the other."""
    project = bake(mqtt=True)
    for arguments in APPS:
        manage(project, "startrealtime", *arguments, **served())
    return project


@pytest.mark.parametrize("check", CHECKS)
def test_what_it_makes_passes(started: Path, python: Path, check: str) -> None:
    name, *arguments = check.split()
    done = run([python.with_name(name), *arguments], started, DEBUG="true")
    assert done.returncode == 0, done.stdout


def test_it_is_told_what_is_next(bake: Bake, manage: Manage) -> None:
    said = manage(bake(), "startrealtime", "plan", **served())
    assert said == (
        "plan/ is there, with tests in plan/tests. Next:\n\n"
        "    manage.py migrate\n"
        "    manage.py runserver     and open http://127.0.0.1:8000/plan/\n\n"
    )


def test_a_name_that_is_taken_or_none_makes_nothing(started: Path, python: Path) -> None:
    before = contents(started)
    for name, said in REFUSED.items():
        done = run([python, "manage.py", "startrealtime", "--", name], started, **served())
        assert done.returncode == 1, name
        assert said in done.stdout
        assert "Traceback" not in done.stdout
    assert contents(started) == before


def test_a_second_call_changes_nothing(started: Path, manage: Manage) -> None:
    before = contents(started)
    for arguments in APPS:
        manage(started, "startrealtime", *arguments, **served())
    assert contents(started) == before


def test_an_app_that_was_changed_is_not_made_again(
    bake: Bake, manage: Manage, python: Path
) -> None:
    project = bake()
    manage(project, "startrealtime", "plan", **served())
    (project / "plan/models.py").write_text("# Mine.\n")
    done = run([python, "manage.py", "startrealtime", "plan"], project, **served())
    assert (done.returncode, (project / "plan/models.py").read_text()) == (1, "# Mine.\n")


def test_a_file_that_is_not_as_it_was_made_is_named(bake: Bake, python: Path) -> None:
    project = bake()
    routing = project / "config/routing.py"
    routing.write_text(routing.read_text().replace("websocket_urlpatterns = [", "sockets = ["))
    before = contents(project)
    done = run([python, "manage.py", "startrealtime", "plan"], project, **served())
    assert "config/routing.py is not as it was made, so nothing was changed." in done.stdout
    assert 'path("ws/plan/<slug:slug>/", PlanConsumer.as_asgi()),' in done.stdout
    assert contents(project) == before


def test_a_full_disk_undoes_it_and_a_kill_is_made_up_for_by_another_call(
    bake: Bake, manage: Manage, python: Path, tmp_path: Path
) -> None:
    project = bake()
    fresh = contents(project)
    manage(project, "startrealtime", "plan", **served())
    made = contents(project)
    for steps in range(1, STEPS + 1):
        at = tmp_path / str(steps)
        shutil.copytree(bake(), at)
        (at / ".env").write_bytes((project / ".env").read_bytes())
        command: list[str | Path] = [python, "-c", STOPPED]
        full = run(command, at, **served(STEPS=str(steps), ENDS="full"))
        assert (full.returncode, contents(at)) == (1, fresh), steps
        assert "Nothing was made: [Errno 28] No space left on device" in full.stdout
        killed = run(command, at, **served(STEPS=str(steps), ENDS="killed"))
        assert killed.returncode == 9
        manage(at, "check", **served())  # what is there works
        manage(at, "startrealtime", "plan", **served())
        assert contents(at) == made, steps


@pytest.fixture(scope="module")
def server(started: Path, manage: Manage, python: Path, redis_url: str) -> Iterator[Server]:
    surroundings = served(REDIS_URL=redis_url)
    manage(started, "migrate", **surroundings)
    manage(started, "collectstatic", "--no-input", **surroundings)
    manage(started, "seed_demo", "--force", **surroundings)
    with Server(python, started, surroundings) as server:
        yield server


@pytest.fixture
def people(browser: Browser, server: Server) -> Iterator[tuple[Person, Person]]:
    sessions: dict[str, StorageState] = {}
    ada, grace = (Person(browser, server, name, sessions) for name in ("ada", "grace"))
    yield ada, grace
    for person in (ada, grace):
        assert person.complaints == []
        person.context.close()


def test_a_feed_is_live_and_comes_back_after_a_restart(
    people: tuple[Person, Person], server: Server
) -> None:
    ada, grace = people
    ada.page.goto("/plan/")
    ada.page.get_by_label("Name").fill("week")
    ada.page.get_by_role("button", name="Add").click()
    grace.page.goto("/plan/week/")
    for title in ("Milk", "<b>Bread</b>"):
        add(ada.page, title)
    titles = grace.page.locator("[data-feed] .list__body")
    expect(titles).to_have_text(["Milk", "<b>Bread</b>"])
    grace.page.get_by_role("button", name="Delete Milk").click()
    expect(ada.page.locator("[data-feed] .list__body")).to_have_text(["<b>Bread</b>"])
    assert ada.page.evaluate("performance.getEntriesByType('navigation').length") == 1

    ada.losses_expected = grace.losses_expected = True
    server.kill()
    server.start()
    add(ada.page, "Eggs")
    expect(titles).to_have_text(["<b>Bread</b>", "Eggs"])


def test_a_feed_works_without_scripts(browser: Browser, people: tuple[Person, Person]) -> None:
    ada, _ = people
    ada.page.goto("/plan/")
    ada.page.get_by_label("Name").fill("plain")
    ada.page.get_by_role("button", name="Add").click()
    ada.page.wait_for_url("**/plan/plain/")
    plain = browser.new_context(
        storage_state=ada.context.storage_state(), java_script_enabled=False
    )
    page = plain.new_page()
    page.goto(ada.page.url)
    add(page, "Milk")
    expect(page.locator(".list__body")).to_have_text(["Milk"])
    expect(ada.page.locator(".list__body")).to_have_text(["Milk"])
    plain.close()


def test_one_text_is_the_same_for_all(people: tuple[Person, Person]) -> None:
    ada, grace = people
    ada.page.goto("/hm/")
    ada.page.get_by_label("Name").fill("door")
    ada.page.get_by_role("button", name="Add").click()
    ada.page.wait_for_url("**/hm/door/")
    grace.page.goto("/hm/door/")
    ada.page.get_by_label("Text").fill("Back at noon")
    ada.page.get_by_role("button", name="Write").click()
    expect(grace.page.locator("[data-topic]")).to_have_text("Back at noon")
    expect(ada.page.locator("[data-topic]")).to_have_text("Back at noon")


def add(page: Page, title: str) -> None:
    page.get_by_label("Title").fill(title)
    page.get_by_role("button", name="Add").click()


def contents(project: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(project)): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file()
        and not {".git", "__pycache__"} & set(path.parts)
        and path.suffix != ".sqlite3"
        and path.name != ".env"
    }
