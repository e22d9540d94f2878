"""A bake can be made again from the same answers, and brought up to date with the template."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

from tests.conftest import Bake
from tests.environment import SOURCE


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Path:
    """The template as a git repository, as cruft needs it."""
    copy = tmp_path / "repository"
    shutil.copytree(template, copy)
    git(copy, "init", "--initial-branch=main")
    commit(copy, "The template")
    return copy


def test_replaying_a_bake_makes_the_same_project(
    template: Path, settings: Path, bake: Bake, tmp_path: Path
) -> None:
    first = bake(project_name="Café", asgi_server="uvicorn", ci="none", license="BSD-3-Clause")

    cookiecutter(str(template), replay=True, output_dir=str(tmp_path), config_file=str(settings))

    again = tmp_path / first.name
    assert contents(again) == contents(first)
    assert (again / ".env").read_text("utf-8") != (first / ".env").read_text("utf-8")


def test_cruft_bakes_and_brings_a_bake_up_to_date(repository: Path, tmp_path: Path) -> None:
    cruft(tmp_path, "create", str(repository), "--no-input", "--output-dir", str(tmp_path / "out"))
    project = tmp_path / "out/parlour"
    assert json.loads((project / ".cruft.json").read_text("utf-8"))["template"] == str(repository)
    commit(project, "A bake")
    secrets = (project / ".env").read_text("utf-8")
    cruft(project, "check")
    compared = subprocess.run(
        [sys.executable, "-m", "cruft", "diff"], cwd=project, capture_output=True, text=True
    )
    assert (compared.stdout, compared.stderr) == ("", "")

    manage = repository / SOURCE.name / "manage.py"
    manage.write_text(manage.read_text("utf-8") + "# A line of the next version.\n", "utf-8")
    commit(repository, "The next version")
    cruft(project, "update", "--skip-apply-ask")

    assert git(project, "status", "--short").split() == ["M", ".cruft.json", "M", "manage.py"]
    assert (project / "manage.py").read_text("utf-8").endswith("# A line of the next version.\n")
    assert (project / ".env").read_text("utf-8") == secrets
    cruft(project, "check")


def contents(project: Path) -> dict[str, bytes]:
    """Every file but those that differ from bake to bake on purpose."""
    return {
        str(path.relative_to(project)): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and path.name != ".env" and ".git" not in path.parts
    }


def cruft(folder: Path, *arguments: str) -> None:
    succeed([sys.executable, "-m", "cruft", *arguments], folder)


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    git(folder, *author, "commit", "--quiet", "--message", message)


def git(folder: Path, *arguments: str) -> str:
    return succeed(["git", *arguments], folder)


def succeed(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
