"""A bake can be made again from the same answers, and brought up to date with the template."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

from tests.conftest import Bake, Manage
from tests.environment import BIN, ROOT, SOURCE
from tests.hooks import POST_GEN, default_answers, run_hook
from tests.projects import run
from tests.services import wait_for

Edits = Iterable[tuple[str, str, str]]

# What an owner did to a project. Each row: a file, its old text, its new text.
OWNERS: Edits = [
    ("README.md", "Chat, notifications and presence in real time", "Our talk, in real time"),
    ("accounts/apps.py", '"People"', '"Members"'),
    ("docs/layers.md", "# Channel layers", "# Our channel layers"),
    ("docs/limits.md", "# Limits", "# Our limits"),
    ("pyproject.toml", '  "channels>=', '  "attrs>=24",\n  "channels>='),
    ("config/settings.py", '    "allauth",\n', '    "shop",\n    "allauth",\n'),
    ("static/css/base.css", "", "/* Our colours */\n"),
    # The app of bots is taken out.
    ("config/settings.py", '    "bots",\n', ""),
    ("config/urls.py", '    path("", include("bots.urls")),\n', ""),
    ("pyproject.toml", '  "bots",\n', ""),
    ("chat/templates/chat/room_form.html", "{% url 'bots:room' room.slug %}", "#"),
]
OWN_FILES = {
    "shop/__init__.py": "",
    "shop/models.py": "PRICE = 3\n",
    "chat/shout.py": "LOUD = True\n",
    "static/img/shop.svg": "<svg/>\n",
    "docs/faq.md": "# Questions of ours\n",
    "docs/asyncapi.json": "{}\n",
    "docs/realtime.d.ts": "",
}
# What the template does in its next version.
TEMPLATES: Edits = [
    ("README.md", "## Licence", "## The licence"),
    ("accounts/apps.py", '"People"', '"Persons"'),
    ("docs/layers.md", "The channel layer carries", "A channel layer carries"),
    ("docs/tasks.md", "# Background work", "# Tasks"),
    ("bots/apps.py", "", "# Changed.\n"),
    ("chat/apps.py", "", "# Changed.\n"),
    (
        "accounts/models.py",
        "    color = models.CharField(",
        '    motto = models.CharField(max_length=80, blank=True, default="Onwards")\n'
        "    color = models.CharField(",
    ),
]
MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_names'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='motto',
            field=models.CharField(blank=True, default='Onwards', max_length=80),
        ),
    ]
"""
TEMPLATES_FILES = {
    "accounts/migrations/0004_user_motto.py": MIGRATION,
    "bots/tricks/__init__.py": "TRICKS = 1\n",
    "docs/faq.md": "# Questions\n",
    "docs/new.md": "# New\n",
}

# What the update says of each file that needs its owner.
TOLD = [
    "    accounts/apps.py: changed here and in the template",
    "    docs/faq.md: added here and in the template",
    "    docs/limits.md: changed here, removed from the template",
]
# What is in the project afterwards: of these files, these words, and not those.
MERGED = [
    ("README.md", ["Our talk, in real time", "## The licence"], ["## Licence"]),
    ("docs/channel-layers.md", ["# Our channel layers", "A channel layer carries"], []),
    ("docs/background.md", ["# Tasks"], ["# Background work"]),
    ("pyproject.toml", ['"attrs>=24"', '"pywebpush>=2"'], ['"bots"']),
    ("config/settings.py", ['"shop"', '"notifications.webpush"'], ['"bots"']),
    ("static/css/base.css", ["/* Our colours */"], []),
    ("chat/templates/chat/room_form.html", ['href="#"'], ["bots:room"]),
    ("chat/apps.py", ["# Changed."], []),
    ("accounts/apps.py", ['"Members"'], ['"Persons"']),
    ("config/urls.py", ['"notifications.webpush.urls"'], ["bots"]),
    ("docs/faq.md", ["# Questions of ours"], ["# Questions\n"]),
    ("docs/limits.md", ["# Our limits"], []),
    ("docs/new.md", ["# New"], []),
    ("shop/models.py", ["PRICE = 3"], []),
    ("chat/shout.py", ["LOUD = True"], []),
    ("static/img/shop.svg", ["<svg/>"], []),
]
ABSENT = ["bots", "docs/layers.md", "docs/tasks.md"]

AUTHOR = ("user.name=Ada", "user.email=ada@example.com")
MESSAGES = "SELECT * FROM chat_message ORDER BY id"
FAR_FUTURE = 4_000_000_000
"""Seconds since 1970: a file of then is older than nothing."""
SUBSET = "-p no:cacheprovider accounts/tests/test_colors.py"
"""Of the project's tests, what `make update` runs here."""


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


@dataclass
class Updated:
    """A project of the last version, with data and its owner's changes, while it is updated."""

    project: Path
    rows: dict[str, int]
    messages: list[tuple[object, ...]]
    secrets: str
    first: str
    """What the first `make update` said, of the conflicts."""
    unfinished: str
    """What it said when a conflict was added with its marks."""
    last: str
    """What it said when all were resolved."""
    left: str
    """What git saw of changes after that."""


@pytest.fixture(scope="module")
def versions(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template's repository, in two versions: the last that was released, or the code as it is
    where none was; and the code as it is, with more changes, as v99.0.0."""
    folder = tmp_path_factory.mktemp("versions") / "template"
    folder.mkdir()
    git(folder, "init", "--initial-branch=main")
    released = git(ROOT, "tag", "--list", "v*", "--sort=-version:refname").split()
    if released:
        archive = ["git", "archive", "--format=tar", released[0]]
        packed = subprocess.run(archive, cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "--extract"], cwd=folder, input=packed, check=True)
    else:
        shutil.copytree(template, folder, dirs_exist_ok=True)
    commit(folder, "The last version")
    git(folder, "tag", "v1.0.0")

    shutil.copytree(template, folder, dirs_exist_ok=True)
    questions = json.loads((folder / "cookiecutter.json").read_text("utf-8"))
    changed = json.dumps(questions | {"_version": "99.0.0"}, indent=2)
    (folder / "cookiecutter.json").write_text(changed, "utf-8")
    edit(folder, [("CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n- Mottos.\n")])
    edit(folder / SOURCE.name, TEMPLATES, TEMPLATES_FILES)
    git(folder / SOURCE.name, "mv", "docs/layers.md", "docs/channel-layers.md")
    git(folder / SOURCE.name, "rm", "--quiet", "docs/limits.md")
    commit(folder, "The next version")
    git(folder, "tag", "v99.0.0")
    return folder


@pytest.fixture(scope="module")
def updated(
    versions: Path, settings: Path, manage: Manage, tmp_path_factory: pytest.TempPathFactory
) -> Updated:
    project = last_version(versions, settings, tmp_path_factory.mktemp("updated"))
    manage(project, "migrate", "--verbosity", "0")
    manage(project, "seed_demo")
    edit(project, OWNERS, OWN_FILES)
    shutil.rmtree(project / "bots")
    git(project, "rm", "--quiet", "docs/bots.md")
    git(project, "mv", "docs/tasks.md", "docs/background.md")
    commit(project, "What we made of it")
    rows, messages = counted(project), read(project, MESSAGES)
    secrets = (project / ".env").read_text("utf-8")

    first = update(project, "ANSWERS=web_push=yes", fails=True)
    git(project, "add", "accounts/apps.py")
    git(project, "checkout", "--ours", "docs/faq.md")
    git(project, "add", "docs")
    unfinished = update(project, fails=True)
    git(project, "checkout", "HEAD", "--", "accounts/apps.py")
    last = update(project)
    left = git(project, "status", "--porcelain")
    git(project, "checkout", "--", "docs")
    return Updated(project, rows, messages, secrets, first, unfinished, last, left)


def test_an_update_says_what_is_new_and_names_each_file_that_needs_its_owner(
    updated: Updated,
) -> None:
    assert "\n- Mottos.\n" in updated.first
    assert [line for line in updated.first.splitlines() if line.startswith("    ")] == TOLD
    assert "Left out, because it was removed here: bots/apps.py" in updated.first
    assert "Left out, because its folder was removed here: bots/tricks/__init__.py" in updated.first
    assert "still have the marks of a conflict:\naccounts/apps.py\n" in updated.unfinished


@pytest.mark.parametrize(("path", "there", "gone"), MERGED, ids=[row[0] for row in MERGED])
def test_an_update_keeps_what_the_owner_changed(
    updated: Updated, path: str, there: list[str], gone: list[str]
) -> None:
    text = (updated.project / path).read_text("utf-8")
    assert [words for words in there if words not in text] == []
    assert [words for words in gone if words in text] == []


def test_an_update_leaves_out_what_the_owner_removed(updated: Updated) -> None:
    assert [path for path in ABSENT if (updated.project / path).exists()] == []


def test_an_update_is_one_commit_and_leaves_the_contract_for_another(updated: Updated) -> None:
    subjects = git(updated.project, "log", "--format=%s").splitlines()
    assert subjects == ["Update to the template's v99.0.0", "What we made of it", "A bake"]
    assert updated.left == " M docs/asyncapi.json\n M docs/realtime.d.ts\n"
    assert "\ndocs/asyncapi.json is written.\n" in updated.last


def test_an_update_keeps_the_data_and_migrates_it(updated: Updated) -> None:
    rows = counted(updated.project)
    assert {table: rows[table] for table in updated.rows} == updated.rows
    assert updated.messages
    assert read(updated.project, MESSAGES) == updated.messages
    mottos = read(updated.project, "SELECT DISTINCT motto FROM accounts_user")
    assert mottos == [("Onwards",)]
    assert "passed" in updated.last


def test_an_update_adds_the_secrets_of_a_new_part_and_keeps_the_others(updated: Updated) -> None:
    env = (updated.project / ".env").read_text("utf-8")
    assert env.startswith(updated.secrets)
    added = env.removeprefix(updated.secrets).strip()
    assert len(added.removeprefix("WEB_PUSH_SECRET=")) >= 64
    assert "New secrets are in .env: WEB_PUSH_SECRET." in updated.last


def test_an_updated_project_knows_its_version_and_answers(updated: Updated, versions: Path) -> None:
    origin = json.loads((updated.project / ".cruft.json").read_text("utf-8"))
    assert origin["template"] == versions.as_uri()
    assert origin["commit"] == git(versions, "rev-parse", "v99.0.0").strip()
    assert origin["context"]["cookiecutter"]["web_push"] is True
    said = update(updated.project, "TO=99.0.0", f"TEMPLATE={versions}", "ON_EVERY_CORE=--version")
    assert "has nothing newer than v99.0.0" in said


def test_an_update_that_was_killed_as_git_wrote_is_undone_and_done(
    versions: Path, clone: Path, settings: Path, tmp_path: Path
) -> None:
    """Git passes one of the files that it writes through a program, which waits to be killed.

    The project is a folder of a larger repository."""
    git(tmp_path, "init", "--quiet", "larger")
    project = last_version(versions, settings, tmp_path / "larger")
    (tmp_path / "larger/.git/info/attributes").write_text("new.md filter=slow\n")

    said = [killed(project, clone, signal.SIGKILL)]
    git(project, "worktree", "add", "--quiet", str(tmp_path / "beside"))
    (tmp_path / "beside/parlour/own.py").touch()
    beside = merge(tmp_path / "beside/parlour", clone, fails=True)
    said.append(killed(project, clone, signal.SIGINT))
    said.append(merge(project, clone))

    assert beside == "Commit or stash your changes first: an update is a commit of its own.\n"
    assert (tmp_path / "beside/parlour/own.py").exists()
    assert ["is in `git stash list`" in each for each in said] == [False, True, True]
    assert "Broken off; `make update` puts the project in order" in said[1]
    assert git(project, "status", "--porcelain") == ""
    assert (project / "docs/new.md").read_text("utf-8") == "# New\n"
    assert "# Changed." in (project / "chat/apps.py").read_text("utf-8")
    assert len(git(project, "stash", "list").splitlines()) == 2


def test_an_update_that_was_killed_before_git_noted_its_conflicts_is_done_again(
    fresh: Path, clone: Path
) -> None:
    """The index has conflicts by then, and CHERRY_PICK_HEAD is locked and not yet there."""
    edit(fresh, [("accounts/apps.py", '"People"', '"Members"')])
    commit(fresh, "What we made of it")
    hook = fresh / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        '#!/bin/sh\ntest "$1" = prepared && grep -q CHERRY_PICK_HEAD || exit 0\n'
        f"touch '{fresh.parent}/reached-{signal.SIGKILL}'; sleep 600\n"
    )
    hook.chmod(0o755)
    killed(fresh, clone, signal.SIGKILL)
    hook.unlink()
    assert git(fresh, "diff", "--name-only", "--diff-filter=U") == "accounts/apps.py\n"
    assert not (fresh / ".git/CHERRY_PICK_HEAD").exists()
    assert (fresh / ".git/CHERRY_PICK_HEAD.lock").exists()

    said = merge(fresh, clone, fails=True)

    assert said.startswith("An update was killed here; what it had written is in `git stash list`")
    assert "    accounts/apps.py: changed here and in the template\n" in said
    git(fresh, "cherry-pick", "--abort")
    git(fresh, "stash", "drop", "--quiet")
    git(fresh, "reset", "--quiet", "--hard", "HEAD~1")
    assert git(fresh, "status", "--porcelain") == ""


def test_an_update_overwrites_no_file_that_git_ignores(fresh: Path, clone: Path) -> None:
    git(fresh, "rm", "--quiet", "--cached", "chat/apps.py")
    commit_index = ("-c", AUTHOR[0], "-c", AUTHOR[1], "commit", "--quiet", "--message", "Ours")
    git(fresh, *commit_index)
    exclude = fresh / ".git/info/exclude"
    before = exclude.read_text("utf-8")
    exclude.write_text("chat/apps.py\ndocs/new.md\n*.log\n")
    for name in ("chat/apps.py", "docs/new.md", "own.log"):
        (fresh / name).write_text("mine")
    said = merge(fresh, clone, fails=True)
    mine = [(fresh / name).read_text() for name in ("chat/apps.py", "docs/new.md")]
    (fresh / "docs/new.md").unlink()
    exclude.write_text(before)
    git(fresh, "reset", "--quiet", "--hard", "HEAD~1")
    (fresh / "own.log").unlink()

    assert said == (
        "The update has these files, and git ignores yours:\n"
        "    chat/apps.py\n"
        "    docs/new.md\n"
        "Commit them (`git add --force`) or move them away, so that none is overwritten.\n"
    )
    assert mine == ["mine", "mine"]
    assert git(fresh, "status", "--porcelain") == ""


def test_a_token_in_the_templates_address_is_not_written_down(
    template: Path, fresh: Path, clone: Path, tmp_path: Path
) -> None:
    """Neither by a bake nor by an update, which has its words from the same place."""
    secret = "https://ada:s3cret@example.com/template.git"
    shutil.copytree(template / SOURCE.name, tmp_path / "parlour")
    address = git(clone, "remote", "get-url", "origin").strip()
    git(clone, "remote", "set-url", "origin", secret)
    told = {"_template": secret, "_repo_dir": str(clone), "_output_dir": str(tmp_path)}
    finished = run_hook(POST_GEN, default_answers() | told, tmp_path / "parlour")
    said = merge(fresh, clone, "v7.0.0", fails=True)
    git(clone, "remote", "set-url", "origin", address)

    assert finished.returncode == 0, finished.stderr
    note = json.loads((tmp_path / "parlour/.cruft.json").read_text("utf-8"))
    assert note["template"] == "https://example.com/template.git"
    assert said.startswith("https://example.com/template.git has no version v7.0.0;")


REFUSED = [
    (["v7.0.0"], "has no version v7.0.0; an answer is NAME=VALUE.\n"),
    (["web_push"], "has no version web_push; an answer is NAME=VALUE.\n"),
    (["project_slug=Bad"], 'baked:\nproject_slug: "Bad" is not a Python name in lower case; give'),
    (["web_psh=yes"], "web_psh is not asked by the template; project_name, project_slug, "),
    (["ci=jenkins"], "ValueError: jenkins provided for choice variable ci, but the choices are"),
    (["domain_name=https://here"], 'domain_name: "https://here" is not a domain name; give one'),
]


@pytest.mark.parametrize(("arguments", "says"), REFUSED, ids=[row[0][0] for row in REFUSED])
def test_an_update_that_cannot_be_changes_nothing(
    fresh: Path, clone: Path, arguments: list[str], says: str
) -> None:
    said = merge(fresh, clone, *arguments, fails=True)

    assert says in said
    assert "Traceback" not in said
    assert "asks again" not in said
    assert said.count("\n") <= 2
    assert git(fresh, "status", "--porcelain") == ""
    assert git(fresh, "log", "--format=%s") == "A bake\n"


def test_an_update_wants_the_owners_changes_committed_first(fresh: Path, clone: Path) -> None:
    (fresh / "own.py").touch()
    said = merge(fresh, clone, fails=True)
    (fresh / "own.py").unlink()

    assert said == "Commit or stash your changes first: an update is a commit of its own.\n"


def test_an_update_without_a_note_of_the_template_says_so(fresh: Path, clone: Path) -> None:
    note = (fresh / ".cruft.json").rename(fresh.parent / "note")
    said = update(fresh, fails=True)
    note.rename(fresh / ".cruft.json")

    assert "There is no .cruft.json, which says what this project was baked from.\n" in said


def test_an_update_whose_template_has_moved_says_how_to_name_it(fresh: Path) -> None:
    said = update(fresh, "TEMPLATE=/nowhere", fails=True)

    assert (
        "\nTEMPLATE= says where the template's git repository is now: "
        "make update TEMPLATE=https://...\n"
    ) in said


def test_an_update_that_is_broken_off_as_it_clones_leaves_nothing_behind(
    fresh: Path, versions: Path, tmp_path: Path
) -> None:
    """Interrupted as from a terminal: make and all that it started, under any shell."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "slow").write_text(f"import time\nopen({str(tmp_path / 'reached')!r}, 'w')\n")
    with (tmp_path / "slow").open("a") as slow:
        slow.write("time.sleep(600)\n")
    command = ["make", "update", "UV=", f"BIN={BIN}", "--old-file=.venv/update/ready"]
    process = subprocess.Popen(
        [*command, f"UPDATER={sys.executable} {tmp_path / 'slow'}", f"TEMPLATE={versions}"],
        cwd=fresh,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for((tmp_path / "reached").exists, "the update to begin", process)
    assert list((tmp_path / "temporary").iterdir())
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)

    assert process.returncode
    assert not list((tmp_path / "temporary").iterdir())


def test_a_project_of_a_copy_without_history_is_found_by_its_version(
    versions: Path, clone: Path, settings: Path, tmp_path: Path
) -> None:
    """As of a downloaded archive: there is no commit to write down."""
    copy = tmp_path / "archive"
    shutil.copytree(versions, copy, ignore=shutil.ignore_patterns(".git"))
    project = baked(str(copy), settings, tmp_path)
    assert json.loads((project / ".cruft.json").read_text("utf-8"))["commit"] is None

    assert "has nothing newer than v99.0.0" in merge(project, clone)


@pytest.mark.parametrize("typed", [".", "../template"])
def test_a_bake_knows_the_repository_that_a_relative_path_named(
    versions: Path, settings: Path, tmp_path: Path, typed: str
) -> None:
    command = [sys.executable, "-m", "cookiecutter", "--no-input", typed]
    command += ["--config-file", str(settings), "--output-dir", str(tmp_path)]
    assert run(command, versions, PWD=str(versions)).returncode == 0

    origin = json.loads((tmp_path / "parlour/.cruft.json").read_text("utf-8"))
    assert origin["template"] == str(versions)
    assert origin["commit"] == git(versions, "rev-parse", "HEAD").strip()


@pytest.fixture(scope="module")
def clone(versions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as `make update` has it."""
    folder = tmp_path_factory.mktemp("clone")
    git(folder, "clone", "--quiet", str(versions), "template")
    return folder / "template"


@pytest.fixture(scope="module")
def fresh(versions: Path, settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of the last version."""
    return last_version(versions, settings, tmp_path_factory.mktemp("fresh"))


def baked(template: str, settings: Path, folder: Path, *options: str) -> Path:
    """Bake into the folder and commit it."""
    command = [sys.executable, "-m", "cookiecutter", "--no-input", *options, template]
    succeed([*command, "--config-file", str(settings), "--output-dir", str(folder)], folder)
    project = folder / "parlour"
    if (folder / ".git").exists():
        shutil.rmtree(project / ".git", ignore_errors=True)
    for name in AUTHOR:
        git(project, "config", *name.split("="))
    commit(project, "A bake")
    return project


def last_version(versions: Path, settings: Path, folder: Path) -> Path:
    return baked(f"git+{versions.as_uri()}", settings, folder, "--checkout", "v1.0.0")


def update(project: Path, *variables: str, fails: bool = False) -> str:
    """`make update`, with what is installed for the tests."""
    installed = [".venv/runtime", ".venv/dev", ".venv/update/ready"]
    for name in installed:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
        os.utime(project / name, (FAR_FUTURE, FAR_FUTURE))
    places = ["UV=", f"BIN={BIN}", f"UPDATER={sys.executable}", f"ON_EVERY_CORE={SUBSET}"]
    done = run(["make", "update", *places, *variables], project)
    assert bool(done.returncode) == fails, done.stdout
    return done.stdout


def merge(project: Path, clone: Path, *arguments: str, fails: bool = False) -> str:
    """What `make update` runs before it migrates."""
    done = run([sys.executable, clone / "update.py", *arguments], project)
    assert bool(done.returncode) == fails, done.stdout
    return done.stdout


def killed(project: Path, clone: Path, how: signal.Signals) -> str:
    """Update, and kill it with all its processes while it writes; what it said."""
    reached = project.parent / f"reached-{how}"
    git(project, "config", "filter.slow.smudge", f"touch {reached}; sleep 600")
    process = subprocess.Popen(
        [sys.executable, str(clone / "update.py")],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # Else it might have inherited that SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    wait_for(reached.exists, "git to write", process)
    os.killpg(process.pid, how)
    said = process.communicate()[0].decode()
    git(project, "config", "--unset", "filter.slow.smudge")
    assert git(project, "status", "--porcelain")
    return said


def edit(folder: Path, edits: Edits, files: dict[str, str] | None = None) -> None:
    for path, old, new in edits:
        text = (folder / path).read_text("utf-8")
        assert old in text, path
        (folder / path).write_text(text.replace(old, new, -1 if old else 1), "utf-8")
    for path, text in (files or {}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")


def counted(project: Path) -> dict[str, int]:
    """How many rows each table of people's has."""
    tables = read(project, "SELECT name FROM sqlite_master WHERE type = 'table'")
    return {
        str(name): len(read(project, f'SELECT 1 FROM "{name}"'))
        for (name,) in tables
        if str(name).startswith(("accounts_", "bots_", "chat_", "notifications_", "presence_"))
    }


def read(project: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(project / "db.sqlite3")) as database:
        return database.execute(query).fetchall()


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
    author = [option for name in AUTHOR for option in ("-c", name)]
    git(folder, *author, "commit", "--quiet", "--message", message)


def git(folder: Path, *arguments: str) -> str:
    return succeed(["git", *arguments], folder)


def succeed(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
