"""Makes an app that is live: `manage.py startrealtime plan`."""

import builtins
import re
import shutil
import signal
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from io import StringIO
from keyword import iskeyword
from pathlib import Path
from tokenize import NAME as IDENTIFIER
from tokenize import generate_tokens
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import get_resolver

from realtime import starting, topics
from realtime.feeds.models import FeedItem

NAME = re.compile(r"(?=.{1,20}\Z)[a-z][a-z0-9]*(_[a-z0-9]+)*")
SERVED_ELSEWHERE = {"healthz", "metrics", "readyz", "ws"}
"""What begins paths that no URLconf knows."""
RESERVED = {"backups", "board", "boards", "notice", "notices"}
"""The apps of realtime/starting/ and their topics, which tests install, and what git leaves out."""

NEXT = """{name}/ is there, with tests in {name}/tests. Next:

    manage.py migrate
    manage.py runserver     and open http://127.0.0.1:8000/{name}/
"""


class Command(BaseCommand):
    help = (
        "Make an app with a model, actions, a consumer, pages, an admin and tests, and register it "
        "in config/ and pyproject.toml. It works as it is made, and is yours to change."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="of the app and of its model, such as plan")
        kinds = parser.add_mutually_exclusive_group()
        kinds.add_argument(
            "--feed",
            action="store_const",
            dest="kind",
            const="boards",
            default="boards",
            help="a list with history, of which nobody misses a change (the default)",
        )
        kinds.add_argument(
            "--consumer",
            action="store_const",
            dest="kind",
            const="notices",
            help="one text that all see at once: a consumer without history",
        )

    def handle(self, *, name: str, kind: str, **options: Any) -> None:  # Any: Django's signature
        project = Path(settings.BASE_DIR)
        app = copied(kind, name)
        if not is_made(project / name, app):
            check_name(name, project, kind)
        with undone_by_sigterm():
            start(project, name, app, registered(project, name))
        renew_contract(project)
        self.stdout.write(NEXT.format(name=name))


def renew_contract(project: Path) -> None:
    """Write `docs/asyncapi.json` again where there is one, in a process that knows the new app."""
    if not (project / "docs/asyncapi.json").exists():
        return
    command = [sys.executable, "manage.py", "asyncapi"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise CommandError(f"manage.py asyncapi failed; call it again:\n\n{done.stderr}")


def check_name(name: str, project: Path, kind: str) -> None:
    """Raises CommandError: no app can have this name."""
    if not NAME.fullmatch(name) or iskeyword(name):
        raise CommandError(
            f"{name!r} cannot name an app: give a word in lower case, of at most 20 letters, "
            "digits and single underscores, such as plan."
        )
    if name.startswith("test"):
        raise CommandError(f"pytest takes what begins with {name} for a test: give another name.")
    if (project / name).exists():
        raise CommandError(f"There is a {name} in this project: give another name.")
    words = RESERVED | used(kind)
    if {name, f"{name}_id"} & words or hasattr(FeedItem, name) or clashes(kind, name):
        raise CommandError(f"The engine uses the word {name} itself: give another name.")
    if find_spec(name) or name in {app.label for app in apps.get_app_configs()}:
        raise CommandError(f"{name} is a module of Python or of a package: give another name.")
    if name in {topic.prefix for topic in topics.registered()}:
        raise CommandError(f"There are topics {name}:... already: give another name.")
    consumer = f"{camel_case(name)}Consumer"
    if re.search(rf"\b{consumer}\b", (project / "config/routing.py").read_text(encoding="utf-8")):
        raise CommandError(f"config/routing.py has {consumer} already: give another name.")
    pages = paths(get_resolver().url_patterns)
    if name in SERVED_ELSEWHERE or any(page.startswith(f"{name}/") for page in pages):
        raise CommandError(f"The site has something at /{name}/ already: give another name.")


def paths(patterns: Sequence[Any], before: str = "") -> Iterator[str]:  # Any: as Django has them
    """All routes of a URLconf, as they are written."""
    for each in patterns:
        yield before + str(each.pattern)
        yield from paths(getattr(each, "url_patterns", ()), before + str(each.pattern))


def used(kind: str) -> set[str]:
    """The words in the code of every app of this kind."""
    app = copied(kind, "").items()
    code = [text for path, text in app if path.endswith(".py") and not path.startswith("tests/")]
    return {word for text in code for word in re.findall(r"\w+", text)}


def clashes(kind: str, name: str) -> bool:
    """Whether a class of the app would have the name of another that its code or tests use."""
    if hasattr(builtins, name) or hasattr(builtins, camel_case(name)):
        return True
    return len(classes(copied(kind, name))) < len(classes(copied(kind, "no_name_of_any_class")))


def classes(app: Mapping[str, str]) -> set[str]:
    """The names in the code and the tests of an app that begin with a capital letter."""
    code = [text for path, text in app.items() if path.endswith(".py")]
    tokens = [each for text in code for each in generate_tokens(StringIO(text).readline)]
    return {each.string for each in tokens if each.type == IDENTIFIER and each.string[0].isupper()}


def copied(kind: str, name: str) -> Mapping[str, str]:
    """The files of a new app, by their paths in it: those of realtime/starting/, renamed."""
    source = Path(*starting.__path__) / kind
    singular = kind.removesuffix("s")
    camel = camel_case(name)
    human = name.replace("_", " ").capitalize()
    words = {
        f"realtime.starting.{kind}": name,
        f"{kind}.{singular}": f"{name}.{camel.lower()}",
        kind.capitalize(): f"{human}s",
        kind: name,
        singular.capitalize(): camel,
        singular: name,
    }
    if kind == "boards":
        words |= {
            "boards_card": f"{name}_{camel.lower()}item",  # the table, in names of constraints
            "Card": f"{camel}Item",
            "cards": "items",
            "card": "item",
        }
    pattern = re.compile("|".join(re.escape(word) for word in sorted(words, reverse=True)))

    def renamed(text: str) -> str:
        return pattern.sub(lambda found: words[found.group()], text)

    return {
        renamed(str(file.relative_to(source).as_posix())): sorted_imports(
            renamed(file.read_text(encoding="utf-8"))
        )
        for file in source.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def sorted_imports(text: str) -> str:
    """`text` with each run of `from ... import` lines in order: a new name has another place."""
    runs = re.compile(r"(?:^from .+ import .+\n)+", re.MULTILINE)
    return runs.sub(lambda run: "".join(sorted(run.group().splitlines(True), key=numbered)), text)


def numbered(line: str) -> list[str | int]:
    """A line as ruff compares it: zoo2 comes before zoo10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", line)]


def registered(project: Path, name: str) -> Mapping[str, str]:
    """The files that know of every app, with the new one in them; what is there is not added again.

    Raises:
        CommandError: a file is not as it was made. The text says what to add by hand.
    """
    consumer = f"{camel_case(name)}Consumer"
    entry = f'  "{name}",\n'
    wanted = [  # the place of a line is the end of the first group
        ("config/settings.py", r"^(INSTALLED_APPS = \[\n(?:    .*\n)+)", f'    "{name}",\n'),
        (
            "config/urls.py",
            r"^(urlpatterns = \[\n(?:    .*\n)+)",
            f'    path("", include("{name}.urls")),\n',
        ),
        (
            "config/routing.py",
            r"^(websocket_urlpatterns = \[\n(?:    .*\n)+)",
            f'    path("ws/{name}/<slug:slug>/", {consumer}.as_asgi()),\n',
        ),
        (
            "config/routing.py",
            r"^()(?:from \w+\.consumers import .+\n(?:from .+\n)*)",
            f"from {name}.consumers import {consumer}\n",
        ),
        ("pyproject.toml", r"^(root_packages = \[\n)(?:  .*\n)+", entry),
        ("pyproject.toml", r"^(layers = \[\n  \"config\",\n)(?:  .*\n)+", entry),
        ("pyproject.toml", r"^(ancestors = \[\n)(?:  .*\n)+", entry),
    ]
    files: dict[str, str] = {}
    for path, place, line in wanted:
        text = files.get(path) or (project / path).read_text(encoding="utf-8")
        found = re.search(place, text, re.MULTILINE)
        if found is None:
            raise CommandError(
                f"{path} is not as it was made, so nothing was changed. Put this where it was, "
                f"and call again:\n\n{line}"
            )
        if line not in found.group():
            text = text[: found.end(1)] + line + text[found.end(1) :]
        files[path] = text
    files["config/routing.py"] = sorted_imports(files["config/routing.py"])
    return files


def camel_case(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def is_made(folder: Path, app: Mapping[str, str]) -> bool:
    """Whether `folder` is this app: an earlier call was killed, or did all there is to do."""
    tested = (folder / "tests").exists()
    return folder.is_dir() and all(
        (folder / path).is_file() and (folder / path).read_text(encoding="utf-8") == text
        for path, text in app.items()
        if tested or not is_test(path)
    )


def is_test(path: str) -> bool:
    return path.startswith("tests/")


def start(project: Path, name: str, app: Mapping[str, str], files: Mapping[str, str]) -> None:
    """Put the app and these files of the project in place; undo all of it if that fails.

    Each step is one rename, after which the site and its tests run: the app's own tests come last,
    as they need an app that is registered. Called again after a kill, it goes on.
    """
    new = project / ".startrealtime"
    shutil.rmtree(new, ignore_errors=True)
    folders = [project / name, project / name / "tests"]
    missing = [folder for folder in folders if not folder.exists()]
    changed = []
    try:
        for path, text in app.items():
            write(new / path if is_test(path) else new / "app" / path, text)
        for path, text in files.items():
            write(new / "changed" / path, text)
            write(new / "kept" / path, (project / path).read_text(encoding="utf-8"))
        if folders[0] in missing:
            (new / "app").rename(folders[0])
        for path in files:
            changed.append(path)
            (new / "changed" / path).replace(project / path)
        if folders[1] in missing:
            (new / "tests").rename(folders[1])
    except BaseException as error:
        for path in reversed(changed):
            (new / "kept" / path).replace(project / path)
        for folder in reversed(missing):
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise CommandError(f"Nothing was made: {error}.") from None
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)


@contextmanager
def undone_by_sigterm() -> Iterator[None]:
    """SIGTERM interrupts what is within, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")
