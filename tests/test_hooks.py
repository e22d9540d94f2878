"""What a bake is finished with: secrets, the chosen parts alone, a repository, the next steps."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bake
from tests.environment import SOURCE
from tests.hooks import POST_GEN, PRE_GEN, default_answers, questions, run_hook

# The paths that a bake has only with this answer.
PARTS: list[tuple[str, Any, str]] = [
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
    .dockerignore .editorconfig .env .env.example .git .gitattributes .gitignore
    .pre-commit-config.yaml Dockerfile LICENSE Makefile README.md accounts bots chat clients
    compose.dev.yaml compose.yaml config conftest.py deploy docs manage.py media notifications
    operations presence pyproject.toml realtime static templates
    """.split()
)


def installed_pythons() -> list[str]:
    """This Python, and each of the supported ones that runs here: a version manager's `python3.12`
    may be an empty promise."""
    names = [f"python3.{minor}" for minor in (11, 12, 13, 14)]
    return [sys.executable, *(name for name in names if shutil.which(name) and runs(name))]


def runs(python: str) -> bool:
    return subprocess.run([python, "--version"], capture_output=True).returncode == 0


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
        assert not any(secret in (project / name).read_text("utf-8") for name in committed)


def test_baking_over_a_project_keeps_its_secrets(
    template: Path, settings: Path, bake: Bake
) -> None:
    project = bake()
    before = (project / ".env").read_text("utf-8")

    run_cookiecutter(template, settings, project.parent, "--overwrite-if-exists")

    assert (project / ".env").read_text("utf-8") == before


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
    shutil.copytree(template / SOURCE.name, project)

    for hook in (PRE_GEN, POST_GEN):
        done = run_hook(hook, default_answers(), project, python)
        assert (done.returncode, done.stderr) == (0, "")
    assert secrets(project)


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
    command = [sys.executable, "-m", "cookiecutter", "--no-input", *options, str(template)]
    command += ["--output-dir", str(output), "--config-file", str(settings)]
    return subprocess.check_output(command, env=env, text=True)
