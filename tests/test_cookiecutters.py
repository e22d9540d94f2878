"""The oldest Cookiecutter that is allowed bakes what the newest does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environment import BIN, ROOT, install
from tests.test_updates import contents


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with the oldest Cookiecutter that pyproject.toml allows."""
    listed = (ROOT / "pyproject.toml").read_text("utf-8")
    [version] = set(re.findall(r'"cookiecutter>=([0-9.]+)"', listed))
    folder = tmp_path_factory.mktemp("oldest")
    install([f"cookiecutter=={version}"], folder)
    return str(folder / BIN.name / "python")


def test_yes_and_no_are_the_same_words_for_both(
    template: Path, settings: Path, tmp_path: Path, oldest: str
) -> None:
    words = ["web_push=yes", "telegram=No", "mqtt=on", "kubernetes=0", "ci=gitlab"]
    words += ['project_name="Ours"', "project_slug=ours"]
    for python, folder in ((oldest, "oldest"), (sys.executable, "newest")):
        done = bake(python, template, settings, tmp_path / folder, *words)
        assert done.returncode == 0, done.stderr

    made = contents(tmp_path / "oldest/ours")
    assert made == contents(tmp_path / "newest/ours")
    assert "notifications/webpush/models.py" in made
    assert "bridges/mqtt/__init__.py" in made
    assert "bridges/telegram/__init__.py" not in made
    assert b'"pywebpush' in made["pyproject.toml"]
    assert b"python-telegram-bot" not in made["pyproject.toml"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("mqtt=perhaps", 'mqtt: "perhaps" is neither yes nor no'),
        ("project_slug=../x", 'project_slug: "../x" is not a Python name'),
        ("project_slug=", 'project_slug: "" is not a Python name'),
    ],
)
def test_the_oldest_refuses_in_a_line(
    template: Path, settings: Path, tmp_path: Path, oldest: str, answer: str, said: str
) -> None:
    refused = bake(oldest, template, settings, tmp_path / "out", answer)

    assert refused.returncode == 1
    assert refused.stderr.startswith(said)
    assert "Traceback" not in refused.stdout + refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert not list((tmp_path / "out").iterdir())


def bake(
    python: str, template: Path, settings: Path, output: Path, *answers: str
) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [python, "-m", "cookiecutter", "--no-input", template, *answers]
    command += ["--output-dir", output, "--config-file", settings]
    return subprocess.run(command, capture_output=True, text=True)
