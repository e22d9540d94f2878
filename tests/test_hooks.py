"""What a bake is finished with: secrets, the chosen parts alone, a repository, the next steps."""

import ast
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bake
from tests.environment import SOURCE
from tests.hooks import POST_GEN, PRE_GEN, default_answers, questions, run_hook

# The paths that a bake has only with this answer.
PARTS: list[tuple[str, Any, str]] = [
    ("asgi_server", "daphne", "realtime/management/commands/runserver.py"),
    ("asgi_server", "daphne", "realtime/servers/daphne.py"),
    ("asgi_server", "daphne", "realtime/servers/lending_daphne.py"),
    ("asgi_server", "uvicorn", "realtime/servers/uvicorn.py"),
    ("asgi_server", "uvicorn", "realtime/servers/lending_uvicorn.py"),
    ("ci", "github", ".github"),
    ("ci", "gitlab", ".gitlab-ci.yml"),
    ("web_push", True, "notifications/webpush"),
    ("telegram", True, "bridges"),
    ("telegram", True, "docs/telegram.md"),
    ("kubernetes", True, "deploy/kubernetes"),
    ("mqtt", True, "bridges"),
    ("mqtt", True, "deploy/mosquitto"),
    ("mqtt", True, "docs/mqtt.md"),
]
SECRETS = {"SECRET_KEY", "POSTGRES_PASSWORD", "WEB_PUSH_SECRET", "MQTT_PASSWORD"}
# Words that the text of one licence has, and no other.
LICENSES = {
    "MIT": "Permission is hereby granted, free of charge",
    "BSD-3-Clause": "Redistribution and use in source and binary forms",
    "Apache-2.0": "Apache License",
    "AGPL-3.0-or-later": "GNU AFFERO GENERAL PUBLIC LICENSE",
    "Proprietary": "All rights reserved",
}

TOP = set(
    """
    .cruft.json .dockerignore .editorconfig .env .env.example .git .gitattributes .gitignore
    .pre-commit-config.yaml Dockerfile LICENSE Makefile README.md accounts bots chat clients
    compose.dev.yaml compose.yaml config conftest.py deploy docs locale manage.py media
    notifications operations presence pyproject.toml realtime static templates
    """.split()
)


def installed_pythons() -> list[str]:
    """This Python, and each of the supported ones that runs here: a version manager's `python3.12`
    may be an empty promise."""
    names = [f"python3.{minor}" for minor in (11, 12, 13, 14)]
    return [sys.executable, *(name for name in names if shutil.which(name) and runs(name))]


def runs(python: str) -> bool:
    return subprocess.run([python, "--version"], capture_output=True).returncode == 0


@pytest.fixture
def old_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PYTHONPATH with which any Python says that it is 3.10."""
    folder = tmp_path_factory.mktemp("old")
    (folder / "sitecustomize.py").write_text(
        "import sys\nsys.version_info = (3, 10, 4, 'final', 0)\n"
    )
    return folder


def test_two_bakes_share_no_secret(bake: Bake) -> None:
    first, second = (secrets(bake(web_push="yes", mqtt="yes")) for _ in range(2))

    assert first.keys() == second.keys() == SECRETS
    assert not set(first.values()) & set(second.values())
    assert all(len(secret) >= 64 for secret in first.values())


def test_secrets_are_their_owners_alone_and_stay_out_of_git(bake: Bake) -> None:
    project = bake()

    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600
    assert git(project, "check-ignore", ".env").strip() == ".env"
    assert not git(project, "check-ignore", "--no-index", ".env.example", fails=True)
    committed = git(project, "ls-files", "--others", "--exclude-standard").split()
    for secret in secrets(project).values():
        assert not any(secret.encode() in (project / name).read_bytes() for name in committed)


@pytest.mark.parametrize(("answer", "choice", "path"), PARTS)
def test_a_part_is_there_only_if_it_was_chosen(
    bake: Bake, answer: str, choice: object, path: str
) -> None:
    offered = questions()[answer]
    others = [each for each in offered if each != choice] if isinstance(offered, list) else [False]

    assert (bake(**{answer: str(choice)}) / path).exists()
    for other in others:
        assert not (bake(**{answer: str(other)}) / path).exists()


@pytest.mark.parametrize("name", LICENSES)
def test_the_licence_that_was_chosen_is_left(bake: Bake, name: str) -> None:
    project = bake(license=name, author_name="Ada Lovelace")
    text = (project / "LICENSE").read_text("utf-8")

    assert not (project / "licenses").exists()
    described = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    assert described["license"] == name.replace("Proprietary", "LicenseRef-Proprietary")
    assert [each for each, words in LICENSES.items() if words in text] == [name]
    assert ("Ada Lovelace" in text) == (name in {"MIT", "BSD-3-Clause", "Proprietary"})


def test_a_bake_has_only_these_files_at_its_top(bake: Bake) -> None:
    chosen = dict.fromkeys(("web_push", "telegram", "mqtt", "kubernetes"), "yes")
    everything = bake(ci="gitlab", asgi_server="uvicorn", **chosen)

    assert names(bake(ci="none")) == TOP
    assert names(bake(ci="github")) == {*TOP, ".github"}
    assert names(everything) == {*TOP, ".gitlab-ci.yml", "bridges"}


def test_a_bake_is_a_git_repository(bake: Bake) -> None:
    project = bake()

    assert git(project, "rev-parse", "--show-toplevel").strip() == str(project.resolve())
    assert "manage.py" in git(project, "status", "--short")


def test_a_bake_needs_neither_git_nor_a_network(
    template: Path, settings: Path, tmp_path: Path
) -> None:
    """`sitecustomize` takes the network from every Python that the bake starts."""
    offline = tmp_path / "offline"
    offline.mkdir()
    (offline / "sitecustomize.py").write_text(
        "import socket\n"
        "def refuse(*arguments): raise OSError('no network here')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
    )
    environment = {**os.environ, "PATH": str(offline), "PYTHONPATH": str(offline)}

    said = run_cookiecutter(template, settings, tmp_path, env=environment)

    assert "make run" in said
    assert (tmp_path / "parlour/.env").exists()
    assert not (tmp_path / "parlour/.git").exists()


def test_a_git_that_fails_does_not_fail_the_bake(
    template: Path, settings: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "git").write_text("#!/bin/sh\nexit 128\n")
    (broken / "git").chmod(0o755)
    path = os.pathsep.join([str(broken), os.environ["PATH"]])

    said = run_cookiecutter(template, settings, tmp_path, env={**os.environ, "PATH": path})

    assert "git could not start a repository here" in said
    assert (tmp_path / "parlour/.env").exists()


def test_a_bake_inside_a_git_hook_leaves_that_repository_alone(
    template: Path, settings: Path, tmp_path: Path
) -> None:
    outer = tmp_path / "outer/.git"
    environment = {**os.environ, "GIT_DIR": str(outer), "GIT_WORK_TREE": str(tmp_path)}

    run_cookiecutter(template, settings, tmp_path, env=environment)

    assert (tmp_path / "parlour/.git").is_dir()
    assert not outer.exists()


@pytest.mark.parametrize("python", installed_pythons())
def test_the_hooks_run_on_every_python_that_is_here(
    template: Path, tmp_path: Path, python: str
) -> None:
    project = tmp_path / "parlour"
    project.mkdir()
    checked = run_hook(PRE_GEN, default_answers(), project, python)
    shutil.copytree(template / SOURCE.name, project, dirs_exist_ok=True)
    finished = run_hook(POST_GEN, default_answers(), project, python)

    assert (checked.returncode, checked.stderr) == (0, "")
    assert (finished.returncode, finished.stderr.splitlines()[1]) == (
        0,
        "parlour/ is ready. Next:",
    )
    assert secrets(project)


@pytest.mark.parametrize("hook", [PRE_GEN, POST_GEN])
def test_the_hooks_can_be_read_by_an_old_python(hook: Path) -> None:
    ast.parse(hook.read_text("utf-8"), feature_version=(3, 8))


def test_an_old_python_is_refused_and_leaves_nothing(
    template: Path, settings: Path, tmp_path: Path, old_python: Path
) -> None:
    old = {**os.environ, "PYTHONPATH": str(old_python)}

    with pytest.raises(subprocess.CalledProcessError) as refused:
        run_cookiecutter(template, settings, tmp_path / "out", env=old)

    assert (
        "Cookiecutter runs on Python 3.10 here, and the project needs 3.11" in refused.value.output
    )
    assert names(tmp_path / "out") == set()


def test_the_next_steps_are_told_on_standard_error(
    template: Path, settings: Path, tmp_path: Path
) -> None:
    done = subprocess.run(cookiecutter_command(template, settings, tmp_path), capture_output=True)

    assert done.stdout == b""
    assert b"make demo" in done.stderr


def test_a_bake_is_good_where_nobody_reads_what_it_says(
    template: Path, settings: Path, tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = cookiecutter_command(template, settings, tmp_path)
    done = subprocess.run(command, stdout=writer, stderr=writer)
    os.close(writer)

    assert done.returncode == 0
    assert secrets(tmp_path / "parlour")


def test_scripts_of_a_template_that_came_as_a_zip_can_run(
    template: Path, settings: Path, tmp_path: Path
) -> None:
    archive = shutil.make_archive(str(tmp_path / "template"), "zip", template.parent, template.name)
    run_cookiecutter(Path(archive), settings, tmp_path)

    scripts = {path for path in (tmp_path / "parlour/deploy").iterdir() if path.is_file()}
    assert {path.name for path in scripts} == {"backup", "restore", "smoke", "update"}
    assert all(os.access(path, os.X_OK) for path in scripts)


def test_make_says_that_the_hooks_were_switched_off(
    template: Path, settings: Path, tmp_path: Path
) -> None:
    run_cookiecutter(template, settings, tmp_path, "--accept-hooks", "no")
    made = subprocess.run(["make"], cwd=tmp_path / "parlour", capture_output=True, text=True)

    assert made.returncode == 2
    assert "baked with the hooks switched off" in made.stderr


@pytest.mark.parametrize("of", ["a bake", "the template"])
def test_make_refuses_an_old_python_and_leaves_no_environment(
    template: Path, bake: Bake, old_python: Path, of: str
) -> None:
    folder = bake() if of == "a bake" else template
    python = f"PYTHON=env PYTHONPATH={old_python} {sys.executable}"
    made = subprocess.run(
        ["make", "demo", python, "UV="], cwd=folder, capture_output=True, text=True
    )

    assert made.returncode == 2
    assert made.stderr.splitlines()[0] == (
        "Python 3.10 is too old: 3.11 or later is needed. "
        "If you have one, name it: make demo PYTHON=python3.13"
    )
    assert not (folder / ".venv").exists()


def test_make_completes_what_holds_the_secrets(bake: Bake, python: Path) -> None:
    project = bake()
    (project / ".env").write_text("SECRET_KEY=mine\n")
    os.utime(project / ".env", (1, 1))  # cruft has changed .env.example since

    command = ["make", ".env", f"BIN={python.parent}", "--old-file", ".venv/runtime"]
    made = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    again = subprocess.run([*command, "--question"], cwd=project, check=False)

    assert made.stderr == "New secrets are in .env: POSTGRES_PASSWORD.\n"
    assert (project / ".env").read_text().startswith("SECRET_KEY=mine\n\nPOSTGRES_PASSWORD=")
    assert again.returncode == 0


def test_a_template_with_windows_line_ends_bakes_with_unix_ones(
    template: Path, settings: Path, tmp_path: Path
) -> None:
    """As checked out on Windows by a git that was told to ignore .gitattributes."""
    rendered = ["pyproject.toml", ".env.example", "config/settings.py"]
    windows = tmp_path / "template"
    shutil.copytree(template, windows)
    for name in rendered:
        file = windows / SOURCE.name / name
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))

    run_cookiecutter(windows, settings, tmp_path)

    project = tmp_path / "parlour"
    for name in [*rendered, ".env"]:
        assert b"\r" not in (project / name).read_bytes()
    assert secrets(project)


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def secrets(project: Path) -> dict[str, str]:
    lines = (project / ".env").read_text("utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if re.match(r"\w+=", line)]
    return {name: value for name, _, value in pairs if name in SECRETS and value}


def git(project: Path, *arguments: str, fails: bool = False) -> str:
    done = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True)
    assert fails or not done.returncode, done.stderr
    return done.stdout


def run_cookiecutter(
    template: Path, settings: Path, output: Path, *options: str, env: dict[str, str] | None = None
) -> str:
    command = [*cookiecutter_command(template, settings, output), *options]
    return subprocess.check_output(command, env=env, text=True, stderr=subprocess.STDOUT)


def cookiecutter_command(template: Path, settings: Path, output: Path) -> list[str]:
    command = [sys.executable, "-m", "cookiecutter", "--no-input", str(template)]
    return [*command, "--output-dir", str(output), "--config-file", str(settings)]
