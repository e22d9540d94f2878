"""`manage.py startrealtime`: the app that it makes is in place as a whole, or nothing is."""

import os
import shutil
import signal
from itertools import count
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

NAME = "made_in_a_test"
REGISTERS = {
    "config/settings.py": 'INSTALLED_APPS = [\n    "accounts",\n]\n',
    "config/urls.py": 'urlpatterns = [\n    path("", include("accounts.urls")),\n]\n',
    "config/routing.py": (
        "from django.urls import path\n\n"
        "from accounts.consumers import Consumer\n"
        "from realtime.consumers import AlreadyConsumer, Consumer\n\n"
        'websocket_urlpatterns = [\n    path("ws/", Consumer.as_asgi()),\n]\n'
    ),
    "pyproject.toml": (
        'root_packages = [\n  "config",\n]\nlayers = [\n  "config",\n  "accounts",\n]\n'
        'ancestors = [\n  "config",\n]\n'
    ),
}
"""The files that know of every app."""
STEPS = 1 + len(REGISTERS) + 1  # each a rename

REFUSED = {
    "Plan": "'Plan' cannot name an app: give a word in lower case, of at most 20 letters, digits "
    "and single underscores, such as plan.",
    "": "cannot name an app",
    "a" * 21: "cannot name an app",
    "1st": "cannot name an app",
    "to__do": "cannot name an app",
    "../plan": "cannot name an app",
    "plan\n": "cannot name an app",
    "class": "cannot name an app",
    "testimonials": "pytest takes what begins with testimonials for a test: give another name.",
    "taken": "There is a taken in this project: give another name.",
    "json": "json is a module of Python or of a package: give another name.",
    "redis": "redis is a module of Python or of a package: give another name.",
    "messages": "messages is a module of Python or of a package: give another name.",
    "stream": "There are topics stream:... already: give another name.",
    "api": "The site has something at /api/ already: give another name.",
    "settings": "The site has something at /settings/ already: give another name.",
    "metrics": "The site has something at /metrics/ already: give another name.",
    "backups": "The engine uses the word backups itself: give another name.",
    "board": "The engine uses the word board itself: give another name.",
    "title": "The engine uses the word title itself: give another name.",
    "item": "The engine uses the word item itself: give another name.",
    "check": "The engine uses the word check itself: give another name.",
    "client": "The engine uses the word client itself: give another name.",
    "feed": "The engine uses the word feed itself: give another name.",
    "feed_item": "The engine uses the word feed_item itself: give another name.",
    "feed_key": "The engine uses the word feed_key itself: give another name.",
    "short_text": "The engine uses the word short_text itself: give another name.",
    "read_only_admin": "The engine uses the word read_only_admin itself: give another name.",
    "meta": "The engine uses the word meta itself: give another name.",
    "user": "The engine uses the word user itself: give another name.",
    "refusal": "The engine uses the word refusal itself: give another name.",
    "error_code": "The engine uses the word error_code itself: give another name.",
    "none": "The engine uses the word none itself: give another name.",
    "exception": "The engine uses the word exception itself: give another name.",
    "list": "The engine uses the word list itself: give another name.",
    "already": "config/routing.py has AlreadyConsumer already: give another name.",
}
REFUSED_OF_A_CONSUMER = ["collection", "mapping", "closing", "meta", "user", "refusal", "topic"]


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def project(settings: Settings, tmp_path: Path) -> Path:
    settings.BASE_DIR = tmp_path
    (tmp_path / "taken").mkdir()
    lay_out(tmp_path)
    return tmp_path


def lay_out(project: Path) -> None:
    for path, text in REGISTERS.items():
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_text(text)


def contents(project: Path) -> dict[str, str]:
    files = [path for path in project.rglob("*") if path.is_file()]
    return {str(path.relative_to(project)): path.read_text(encoding="utf-8") for path in files}


def test_it_says_what_is_next(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("startrealtime", NAME)
    assert capsys.readouterr().out == (
        "made_in_a_test/ is there, with tests in made_in_a_test/tests. Next:\n\n"
        "    manage.py migrate\n"
        "    manage.py runserver     and open http://127.0.0.1:8000/made_in_a_test/\n"
    )


@pytest.mark.parametrize("kind", ["--feed", "--consumer"])
def test_an_app_is_entered_once_where_it_must_be(project: Path, kind: str) -> None:
    call_command("startrealtime", NAME, kind)
    made = contents(project)
    call_command("startrealtime", NAME, kind)
    assert contents(project) == made
    assert {path: made[path] for path in REGISTERS} == {
        "config/settings.py": 'INSTALLED_APPS = [\n    "accounts",\n    "made_in_a_test",\n]\n',
        "config/urls.py": (
            'urlpatterns = [\n    path("", include("accounts.urls")),\n'
            '    path("", include("made_in_a_test.urls")),\n]\n'
        ),
        "config/routing.py": (
            "from django.urls import path\n\n"
            "from accounts.consumers import Consumer\n"
            "from made_in_a_test.consumers import MadeInATestConsumer\n"
            "from realtime.consumers import AlreadyConsumer, Consumer\n\n"
            'websocket_urlpatterns = [\n    path("ws/", Consumer.as_asgi()),\n'
            '    path("ws/made_in_a_test/<slug:slug>/", MadeInATestConsumer.as_asgi()),\n]\n'
        ),
        "pyproject.toml": (
            'root_packages = [\n  "made_in_a_test",\n  "config",\n]\n'
            'layers = [\n  "config",\n  "made_in_a_test",\n  "accounts",\n]\n'
            'ancestors = [\n  "made_in_a_test",\n  "config",\n]\n'
        ),
    }


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_is_taken_or_none_makes_nothing(project: Path, name: str) -> None:
    before = contents(project)
    with pytest.raises(CommandError) as refused:
        call_command("startrealtime", "--", name)
    assert REFUSED[name] in str(refused.value)
    assert contents(project) == before


@pytest.mark.parametrize("name", REFUSED_OF_A_CONSUMER)
def test_a_class_that_a_consumer_needs_gives_no_name(project: Path, name: str) -> None:
    before = contents(project)
    with pytest.raises(CommandError, match=f"The engine uses the word {name} itself"):
        call_command("startrealtime", name, "--consumer")
    assert contents(project) == before


@pytest.mark.parametrize("name", ["plan", "door", "kept", "app", "milk"])
@pytest.mark.parametrize("kind", ["--feed", "--consumer"])
def test_a_word_of_the_tests_and_of_what_is_laid_out_may_be_a_name(
    project: Path, name: str, kind: str
) -> None:
    call_command("startrealtime", name, kind)
    made = {path for path in contents(project) if path not in REGISTERS}
    assert {path.split("/")[0] for path in made} == {name}


def test_an_app_that_was_changed_is_not_made_again(project: Path) -> None:
    call_command("startrealtime", NAME)
    (project / f"{NAME}/models.py").write_text("# Mine.\n")
    mine = contents(project)
    with pytest.raises(CommandError, match=f"There is a {NAME} in this project"):
        call_command("startrealtime", NAME)
    assert contents(project) == mine


def test_a_file_that_is_not_as_it_was_made_is_named(project: Path) -> None:
    routing = project / "config/routing.py"
    routing.write_text(routing.read_text().replace("websocket_urlpatterns = [", "sockets = ["))
    before = contents(project)
    with pytest.raises(CommandError) as refused:
        call_command("startrealtime", NAME)
    assert str(refused.value) == (
        "config/routing.py is not as it was made, so nothing was changed. Put this where it was, "
        "and call again:\n\n"
        '    path("ws/made_in_a_test/<slug:slug>/", MadeInATestConsumer.as_asgi()),\n'
    )
    assert contents(project) == before


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_full_disk_undoes_it(project: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    before = contents(project)
    steps = count(1)

    def move(file: Path, target: Path) -> None:
        if next(steps) == step:
            raise OSError(28, "No space left on device")
        os.replace(file, target)

    monkeypatch.setattr(Path, "rename", move)
    monkeypatch.setattr(Path, "replace", move)
    with pytest.raises(CommandError, match=r"Nothing was made: \[Errno 28\] No space left"):
        call_command("startrealtime", NAME)
    assert contents(project) == before


def test_sigterm_undoes_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, handler = contents(project), signal.getsignal(signal.SIGTERM)

    def move(file: Path, target: Path) -> None:
        os.replace(file, target)
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", move)
        with pytest.raises(SystemExit) as ended:
            call_command("startrealtime", NAME)
    assert ended.value.code == 143
    assert contents(project) == before
    assert signal.getsignal(signal.SIGTERM) is handler


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_kill_is_made_up_for_by_another_call(
    project: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    call_command("startrealtime", NAME)
    made = contents(project)
    shutil.rmtree(project / NAME)
    lay_out(project)
    steps = count(1)

    def move(file: Path, target: Path) -> None:
        if next(steps) >= step:
            raise Killed
        os.replace(file, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", move)
        patch.setattr(Path, "replace", move)
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(Killed):
            call_command("startrealtime", NAME)
    assert (project / NAME / "models.py").exists() == (step > 1)
    entered = [path for path in REGISTERS if NAME in (project / path).read_text()]
    assert entered == list(REGISTERS)[: max(0, step - 2)]  # each of which works without the next
    assert not (project / NAME / "tests").exists()  # they need all of them
    call_command("startrealtime", NAME)
    assert contents(project) == made
