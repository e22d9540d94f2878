"""A bake over a project, or inside a repository, leaves alone what is its owner's."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Bake
from tests.environment import SOURCE
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


@pytest.mark.parametrize(
    "change", ["an edit", "a new file", "an ignored file", "no commit", "no repository"]
)
def test_a_bake_over_files_that_git_does_not_keep_is_refused(
    template: Path, settings: Path, bake: Bake, change: str
) -> None:
    project = bake()
    mine = project / ("mine.py" if change == "a new file" else "manage.py")
    if change != "no commit":
        commit(project)
    git(project, "config", "status.showUntrackedFiles", "no")  # as some have it everywhere
    if change == "an ignored file":
        git(project, "rm", "--quiet", "--cached", "manage.py")
        (project / ".git/info/exclude").write_text("manage.py\n")
        commit(project)
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


def test_files_that_git_ignores_and_no_bake_has_are_not_in_the_way(
    template: Path, settings: Path, bake: Bake
) -> None:
    project = bake()
    commit(project)
    (project / "db.sqlite3").write_text("mine")

    run_cookiecutter(template, settings, project.parent, "--overwrite-if-exists")

    assert (project / "db.sqlite3").read_text() == "mine"


def test_the_demo_is_baked_anew_until_it_is_changed(template: Path, tmp_path: Path) -> None:
    """Cookiecutter is the one of the tests, and to serve is to say so."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    makefile = (tmp_path / "Makefile").read_text("utf-8")
    serve = "$(MAKE) --no-print-directory --directory demo/parlour demo PORT=$(PORT)"
    assert serve in makefile
    (tmp_path / "Makefile").write_text(makefile.replace(serve, "echo served $(PORT)"), "utf-8")
    readme = tmp_path / SOURCE.name / "README.md"
    demo = tmp_path / "demo/parlour"

    def made() -> list[str]:
        baker = f"COOKIECUTTER={sys.executable} -m cookiecutter"
        command = ["make", "--no-print-directory", "demo", "UV=uv", baker, "PORT=8123"]
        said = subprocess.check_output(command, cwd=tmp_path, stderr=subprocess.STDOUT, text=True)
        return said.splitlines()

    assert made() == ["served 8123"]
    for name in ("db.sqlite3", "uv.lock", "media/a.png"):
        (demo / name).write_text("kept")
    readme.write_text("# Better\n", "utf-8")
    (tmp_path / SOURCE.name / "docs/limits.md").unlink()
    assert made() == ["served 8123"]
    assert (demo / "README.md").read_text("utf-8") == "# Better\n"
    assert not (demo / "docs/limits.md").exists()
    assert (demo / "db.sqlite3").read_text() == "kept"
    assert (demo / "media/a.png").read_text() == "kept"

    kept = [
        "demo/parlour may have changes of yours: it is served as it is; remove it to bake it anew",
        "served 8123",
    ]
    (demo / "counter.py").write_text("mine")
    readme.write_text("# Best\n", "utf-8")
    assert made() == kept
    commit(demo)
    assert made() == kept
    assert (demo / "counter.py").read_text() == "mine"
    assert (demo / "README.md").read_text("utf-8") == "# Better\n"
    assert git(demo, "log", "--format=%s") == "A bake\nBake a demo\n"


def commit(project: Path) -> None:
    git(project, "add", "--all")
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    git(project, *author, "commit", "--quiet", "--message", "A bake")
