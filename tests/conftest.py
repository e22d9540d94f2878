"""What every test of the template stands on: bakes, a Python that runs them, and real services.

A test asks for what it needs by name:

- `bake(**answers)` makes a project and returns its folder;
- `python` is an interpreter with everything that any bake needs;
- `manage(project, "migrate", **environment)` runs a command of a project;
- `prepare(project, **environment)` makes its tables and collects its static files, in one process;
- `serve(project, **environment)` prepares it and starts a server process;
- `redis_url`, `postgres_url` are services that the whole run shares (the database is the test's
  own, and empty); `redis` is a server of the test's own, to stop, kill and restart;
- `site` is a running site on one kind of server and then on the other, with people and rooms;
- `browser` is Chromium; `demo(project, **environment)` serves the demo people, as in production;
- `arrive("ada")` is one of them at a browser, at the `site` of the module; `ada` and `grace` are
  two, and `room` is a new one that both are in.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import copyfile, copymode

import pytest
from cookiecutter.main import cookiecutter
from playwright.sync_api import Browser, StorageState, sync_playwright

from tests import environment, tables
from tests.people import Person
from tests.programs import program
from tests.projects import COLLECT, Server, in_one_process, run, served
from tests.services import Postgres, Redis
from tests.sites import LIMITS, Site

CHROMIUM = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "Google Chrome",
)

Bake = Callable[..., Path]
Manage = Callable[..., str]
Prepare = Callable[..., None]
Serve = Callable[..., Server]
Arrive = Callable[..., Person]


LONGEST = "daphne uvicorn test_bakes.py test_any_server.py".split()
"""Groups of tests that are begun first, where several processes run them."""


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(tables)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what stands on one fixture: the tests of a file, and those of each `site`."""
    places = {name: place for place, name in enumerate(LONGEST)}
    groups = {item: item.path.name for item in items}
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            groups[item] = str(item.callspec.params.get("site", groups[item]))
        item.add_marker(pytest.mark.xdist_group(groups[item]))
    items.sort(key=lambda item: places.get(groups[item], len(places)))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a commit would have it: without what editors and tools leave in the tree."""
    copy = tmp_path_factory.mktemp("template")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=environment.ROOT, check=True, capture_output=True).stdout
    for name in names.decode().split("\0"):
        source = environment.ROOT / name
        if name and source.is_file():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copyfile(source, target)
            copymode(source, target)
    return copy


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cookiecutter's own settings: it neither reads nor writes those of who runs the tests."""
    folder = tmp_path_factory.mktemp("cookiecutter")
    file = folder / "config.yaml"
    file.write_text(
        f"cookiecutters_dir: {folder / 'templates'}\nreplay_dir: {folder / 'replay'}\n",
        encoding="utf-8",
    )
    return file


@pytest.fixture(scope="session")
def bake(template: Path, settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Bake:
    """Make a project out of the defaults and these answers, in a new folder or `into` this one.

    Answers are taken as they stand, as if they were typed; Cookiecutter alone would render them.
    """

    def bake(into: Path | None = None, **answers: str | bool) -> Path:
        return Path(
            cookiecutter(
                str(template),
                no_input=True,
                extra_context={name: literal(answer) for name, answer in answers.items()},
                output_dir=str(into or tmp_path_factory.mktemp("bake")),
                config_file=str(settings),
            )
        )

    return bake


@pytest.fixture(scope="session")
def python() -> Path:
    """An interpreter with everything that any bake needs: see tests/environment.py."""
    return environment.build() / "python"


@pytest.fixture(scope="session")
def manage(python: Path) -> Manage:
    """Run a command of a project and return what it printed; a failure raises with that text."""

    def manage(project: Path, *arguments: str, **changes: str) -> str:
        done = run([python, "manage.py", *arguments], project, **changes)
        if done.returncode:
            pytest.fail(f"manage.py {' '.join(arguments)} failed:\n{done.stdout}")
        return done.stdout

    return manage


@pytest.fixture(scope="session")
def prepare(python: Path) -> Prepare:
    """Make a project's tables and collect its static files, then run these commands too."""

    def prepare(project: Path, *more: str, **changes: str) -> None:
        done = in_one_process(python, project, "migrate", COLLECT, *more, **changes)
        if done.returncode:
            pytest.fail(f"{project} could not be prepared:\n{done.stdout}")

    return prepare


@pytest.fixture
def serve(python: Path, prepare: Prepare) -> Iterator[Serve]:
    """Start a server process of a project; it ends with the test.

    Call it twice with the same DATABASE_URL and REDIS_URL for two processes of one site.
    """
    with ExitStack() as servers:
        ready: set[tuple[Path, str]] = set()

        def serve(project: Path, **changes: str) -> Server:
            surroundings = served(**changes)
            site = (project, surroundings.get("DATABASE_URL", ""))
            if site not in ready:
                prepare(project, **surroundings)
                ready.add(site)
            return servers.enter_context(Server(python, project, surroundings))

        yield serve


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis for the whole run. Each call of the fixture `redis` is one of a test's own."""
    with Redis() as server:
        yield server.url


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A Redis of this test's own, which it may stop, kill and restart."""
    with Redis() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL cluster for the whole run."""
    with Postgres() as cluster:
        yield cluster


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """A new, empty database."""
    return postgres.create_database()


@pytest.fixture(scope="session", params=["daphne", "uvicorn"])
def site(
    request: pytest.FixtureRequest, bake: Bake, python: Path, prepare: Prepare, postgres: Postgres
) -> Iterator[Site]:
    """A site with people and rooms and a Redis of its own, on one kind of server and the other."""
    with Redis() as redis:
        surroundings = served(
            DATABASE_URL=postgres.create_database(),
            REDIS_URL=redis.url,
            REALTIME=json.dumps(LIMITS),
        )
        project = bake(asgi_server=request.param)
        prepare(project, **surroundings)
        with Site(request.param, project, python, surroundings, redis) as site:
            yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window.

    It ends with the module: while Playwright is at work its event loop runs in this thread, and a
    test with one of its own could not.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program(*CHROMIUM), args=["--no-sandbox"], headless=True
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def demo(python: Path, prepare: Prepare, redis_url: str) -> Iterator[Serve]:
    """Start a server of a project with the demo people; it ends with the module."""
    with ExitStack() as servers:

        def demo(project: Path, **changes: str) -> Server:
            surroundings = served(REDIS_URL=redis_url, **changes)
            prepare(project, "seed_demo --force", **surroundings)
            return servers.enter_context(Server(python, project, surroundings))

        yield demo


@pytest.fixture(scope="module")
def sessions() -> dict[str, StorageState]:
    """The cookies of those who have signed in, by username."""
    return {}


@pytest.fixture
def arrive(browser: Browser, site: Server, sessions: dict[str, StorageState]) -> Iterator[Arrive]:
    """Let a person come, signed in; in the end, nobody's console may have complained."""
    people: list[Person] = []

    def arrive(username: str, *, phone: bool = False) -> Person:
        people.append(Person(browser, site, username, sessions, phone=phone))
        return people[-1]

    yield arrive
    for person in people:
        person.context.close()
    assert [complaint for person in people for complaint in person.complaints] == []


@pytest.fixture
def ada(arrive: Arrive) -> Person:
    return arrive("ada")


@pytest.fixture
def grace(arrive: Arrive) -> Person:
    return arrive("grace")


@pytest.fixture
def room(ada: Person, grace: Person, request: pytest.FixtureRequest) -> str:
    """A new room that both are in."""
    room = ada.make_room(request.node.name.removeprefix("test_").replace("_", " ")[:40])
    grace.enter(room)
    return room


def literal(answer: str | bool) -> str | bool:
    """Template code that renders to this answer, unless it is plain text already."""
    if isinstance(answer, bool):
        return answer
    code = any(mark in answer for mark in ("{", "# %"))
    return f"{{{{ {json.dumps(answer, ensure_ascii=False)} }}}}" if code else answer
