"""A bake over a project, or inside a repository, leaves alone what is its owner's."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Bake
from tests.test_hooks import git, run_cookiecutter

OWN = (
    "chat/polls.py",
    "chat/tests/test_polls.py",
    ".github/CODEOWNERS",
    ".github/ISSUE_TEMPLATE/bug.md",
    "static/js/polls.js",
    "static/polls/page.css",
    "templates/polls/index.html",
    "realtime/tests/mine/data",
    # of parts that were not chosen
    "bridges/irc/bridge.py",
    "deploy/kubernetes/staging/kustomization.yaml",
    "notifications/webpush/mine.py",
    "licenses/THIRD-PARTY",
)


def test_a_bake_over_a_project_keeps_its_owners_files(
    template: Path, settings: Path, bake: Bake
) -> None:
    project = bake(ci="none")
    for name in OWN:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("mine")
    commit(project)
    secrets = (project / ".env").read_text("utf-8")

    run_cookiecutter(template, settings, project.parent, "-f", "-s", "ci=none")

    assert {name for name in OWN if (project / name).exists()} == set(OWN)
    assert git(project, "status", "--porcelain") == ""
    assert (project / ".env").read_text("utf-8") == secrets


@pytest.mark.parametrize("change", ["an edit", "a new file", "no commit", "no repository"])
def test_a_bake_over_files_that_git_does_not_keep_is_refused(
    template: Path, settings: Path, bake: Bake, change: str
) -> None:
    project = bake()
    mine = project / ("mine.py" if change == "a new file" else "manage.py")
    if change != "no commit":
        commit(project)
    git(project, "config", "status.showUntrackedFiles", "no")  # as some have it everywhere
    if change == "no repository":
        shutil.rmtree(project / ".git")
    mine.write_text("mine")

    with pytest.raises(subprocess.CalledProcessError) as refused:
        run_cookiecutter(template, settings, project.parent, "--overwrite-if-exists")

    said = refused.value.output
    assert "parlour/ has files that git does not keep" in said
    assert re.search("^cookiecutter .* --overwrite-if-exists .* project_slug=parlour", said, re.M)
    assert mine.read_text() == "mine"


def test_a_bake_goes_into_an_empty_clone(template: Path, settings: Path, tmp_path: Path) -> None:
    (tmp_path / "parlour").mkdir()
    git(tmp_path / "parlour", "init", "--quiet")

    run_cookiecutter(template, settings, tmp_path, "--overwrite-if-exists")

    assert (tmp_path / "parlour/manage.py").exists()


def test_a_part_that_is_chosen_later_gets_its_secret(
    template: Path, settings: Path, bake: Bake
) -> None:
    project = bake()
    commit(project)
    before = (project / ".env").read_text("utf-8")

    run_cookiecutter(template, settings, project.parent, "-f", "web_push=yes")

    added = (project / ".env").read_text("utf-8").removeprefix(before)
    assert re.fullmatch(r"\nWEB_PUSH_SECRET=[\w-]{86}\n", added)


def test_a_part_that_is_chosen_no_more_is_left_to_its_owner(
    template: Path, settings: Path, bake: Bake
) -> None:
    project = bake(web_push="yes", kubernetes="yes")
    commit(project)

    said = run_cookiecutter(template, settings, project.parent, "-f", "kubernetes=yes")

    assert "git has notifications/webpush, which was not chosen" in said
    assert (project / "notifications/webpush/models.py").exists()
    assert not (project / "deploy/kubernetes/base/mqtt.yaml").exists()
    changed = git(project, "status", "--porcelain").split("\n")
    assert " M config/settings.py" in changed
    assert not any(line.startswith(("??", " D")) for line in changed)


@pytest.mark.parametrize("ignored", [False, True])
def test_a_bake_in_a_repository_is_part_of_it_unless_it_is_ignored_there(
    template: Path, settings: Path, tmp_path: Path, ignored: bool
) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("parlour/\n" if ignored else "")

    run_cookiecutter(template, settings, tmp_path)

    git(tmp_path, "add", "--all")
    added = git(tmp_path, "ls-files").split()
    assert ("parlour/manage.py" in added) is not ignored
    assert "parlour/.env" not in added
    assert (tmp_path / "parlour/.git").exists() is ignored


def commit(project: Path) -> None:
    git(project, "add", "--all")
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    git(project, *author, "commit", "--quiet", "--message", "A bake")
