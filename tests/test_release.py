"""A release is prepared by one command, and no released migration changes."""

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from release import changed_migrations
from tests.environment import ROOT, SOURCE
from tests.test_updates import commit, git

CHANGES = "# Changes\n\n## Unreleased\n\n### Added\n\n- A change.\n\n## 1.0.0 (a day)\n"
EMPTY = "## Unreleased\n\n### Added\n\n## 1.0.0\n"
MIGRATION = SOURCE.name + "/accounts/migrations/0001_initial.py"


@pytest.fixture(scope="module")
def released(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template's repository after a release of 1.0.0, with a change to tell of."""
    copy = tmp_path_factory.mktemp("released") / "template"
    shutil.copytree(template, copy)
    git(copy, "init", "--initial-branch=main")
    (copy / "tests/migrations.sha256").unlink()
    (copy / "tests/migrations.sha256").touch()
    write(copy, "CHANGELOG.md", "# Changes\n\n## Unreleased\n\n- The first.\n")
    commit(copy, "All")
    assert release(copy, "1.0.0") == ""
    commit(copy, "Release 1.0.0")
    git(copy, "tag", "v1.0.0")
    write(copy, "CHANGELOG.md", CHANGES)
    commit(copy, "A change")
    return copy


@pytest.fixture
def repository(released: Path) -> Iterator[Path]:
    yield released
    git(released, "reset", "--quiet", "--hard", ":/A change")
    git(released, "clean", "--quiet", "--force")


def test_no_released_migration_has_changed() -> None:
    assert changed_migrations() == [], "add a migration instead: databases have run these"


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    questions = json.loads((ROOT / "cookiecutter.json").read_text("utf-8"))
    headings = [
        line.split()[1]
        for line in (ROOT / "CHANGELOG.md").read_text("utf-8").splitlines()
        if line.startswith("## ")
    ]
    assert headings[:2] == ["Unreleased", project["version"]]
    assert questions["_version"] == project["version"]


def test_a_release_writes_its_version_its_changelog_and_its_migrations(repository: Path) -> None:
    added = SOURCE.name + "/accounts/migrations/0002_more.py"
    write(repository, added, "# More.\n")
    commit(repository, "A migration")

    assert release(repository, "1.1.0") == ""

    today = datetime.now(UTC).date()
    changelog = (
        f"# Changes\n\n## Unreleased\n\n## 1.1.0 ({today})\n\n### Added\n\n- A change.\n\n"
        "## 1.0.0 (a day)\n"
    )
    assert (repository / "CHANGELOG.md").read_text("utf-8") == changelog
    assert '"_version": "1.1.0"' in (repository / "cookiecutter.json").read_text("utf-8")
    assert '\nversion = "1.1.0"\n' in (repository / "pyproject.toml").read_text("utf-8")
    checked = ["sha256sum", "--check", "--quiet", "../tests/migrations.sha256"]
    subprocess.run(checked, cwd=repository / SOURCE.name, check=True)
    frozen = (repository / "tests/migrations.sha256").read_text("utf-8")
    assert "  accounts/migrations/0002_more.py\n" in frozen
    assert git(repository, "diff", "--name-only").splitlines() == [
        "CHANGELOG.md",
        "cookiecutter.json",
        "pyproject.toml",
        "tests/migrations.sha256",
    ]


@pytest.mark.parametrize(
    ("version", "file", "text", "committed", "says"),
    [
        ("v1.1", "a", "", True, 'Say which version, such as make release VERSION=1.1.0; "v1.1"'),
        ("1.0.0", "a", "", True, "1.0.0 is not newer than the last, 1.0.0."),
        ("1.1.0", "a", "", False, "Commit or stash your changes first: a tag has what is"),
        ("1.1.0", "CHANGELOG.md", "## Unreleased\n\n## 1.0.0\n", True, "CHANGELOG.md has nothing"),
        ("1.1.0", "CHANGELOG.md", f"{EMPTY}\n- Old.\n", True, "CHANGELOG.md has nothing"),
        ("1.1.0", MIGRATION, "# Edited.\n", True, "cannot change: accounts/migrations/0001_init"),
    ],
)
def test_a_release_that_cannot_be_says_why_and_changes_nothing(
    repository: Path, version: str, file: str, text: str, committed: bool, says: str
) -> None:
    write(repository, file, text)
    if committed:
        commit(repository, "More")
    before = git(repository, "status", "--porcelain")

    said = release(repository, version)

    assert says in said
    assert said.count("\n") == 1
    assert git(repository, "status", "--porcelain") == before


@pytest.mark.parametrize("uv", ["", "uv"])
def test_what_a_target_installs_is_not_in_the_way_of_another(uv: str) -> None:
    """The bench needs what bakes need: pytest plugins of theirs break the template's own tests."""
    command = ["make", "--dry-run", "--always-make", f"UV={uv}"]
    bench, test, lint = (
        subprocess.check_output([*command, target], cwd=ROOT, text=True)
        for target in ("bench", "test", "lint")
    )
    assert ".venv/" not in bench
    assert "--group bench" in bench
    assert "--group dev" in test
    assert ".venv-bench" not in test + lint


def release(repository: Path, version: str) -> str:
    """What it says where it refuses."""
    command = [sys.executable, "release.py", version]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert bool(done.returncode) == bool(done.stderr), done.stderr
    return done.stderr


def write(repository: Path, name: str, text: str) -> None:
    (repository / name).write_text(text, "utf-8")
