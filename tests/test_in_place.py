"""The unbaked source is valid as it stands, and is checked like the template's own code."""

import json
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.environment import ROOT, SOURCE
from tests.hooks import questions
from tests.projects import run

# What a rendered file may have: a value in a string, a condition in a comment.
ALLOWED = re.compile(
    r"\{\{ cookiecutter\.\w+ \}\}"
    r"|\{% now 'utc', '%Y' %\}"
    r"|^ *# % ((if|elif) .*cookiecutter\..*|else|endif)$",
    re.MULTILINE,
)
TEMPLATE_CODE = re.compile(r"\{\{|\{%|\{#|^\s*# ?% ?(if|el|end)", re.MULTILINE)
FOR_COOKIECUTTER = re.compile(
    r"\{\{ *cookiecutter|\{% *if .*cookiecutter|^\s*# ?% ?(if|el|end)", re.M
)


@pytest.mark.parametrize("command", ["ruff check --no-cache .", "ruff format --no-cache --check ."])
def test_all_code_is_in_style(python: Path, command: str) -> None:
    passes(python, command, ROOT)


@pytest.mark.parametrize("command", ["djlint --check --lint .", "mypy ."])
def test_the_source_is_checked_as_a_bake_is(python: Path, tmp_path: Path, command: str) -> None:
    leaves_nothing = {"MYPY_CACHE_DIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    passes(python, command, SOURCE, **leaves_nothing)


@pytest.mark.parametrize(
    "checked",
    [
        "hooks/pre_gen_project.py tests",
        "hooks/post_gen_project.py",
        "release.py update.py emoji.py",
    ],
)
def test_the_templates_own_types_hold(python: Path, tmp_path: Path, checked: str) -> None:
    command = f"mypy --python-executable {sys.executable} {checked}"
    passes(python, command, ROOT, MYPY_CACHE_DIR=str(tmp_path))


def test_rendered_files_have_values_in_strings_and_conditions_in_comments() -> None:
    stray = {
        str(file): found.group()
        for file in source_files()
        if not copied(file) and (text := readable(file))
        if (found := TEMPLATE_CODE.search(ALLOWED.sub("", text)))
    }
    assert stray == {}, "add it to _copy_without_render, or say it in another way"


def test_copied_files_have_nothing_to_render() -> None:
    stray = [
        str(file)
        for file in source_files()
        if copied(file) and (text := readable(file)) and FOR_COOKIECUTTER.search(text)
    ]
    assert stray == []


def test_every_condition_ends() -> None:
    for file in source_files():
        if not copied(file) and (text := readable(file)):
            assert len(re.findall("^ *# % if", text, re.M)) == len(
                re.findall("^ *# % endif", text, re.M)
            )


def test_data_files_are_valid() -> None:
    for file in source_files():
        if file.suffix == ".json":
            json.loads((SOURCE / file).read_text("utf-8"))
        if file.suffix == ".toml":
            tomllib.loads((SOURCE / file).read_text("utf-8"))


def test_every_variable_is_explained() -> None:
    settings = (SOURCE / "config/settings.py").read_text("utf-8")
    example = (SOURCE / ".env.example").read_text("utf-8")
    readme = (SOURCE / "README.md").read_text("utf-8")

    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', settings))
    filled_in = set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE))
    explained = set(re.findall(r"^\| `(\w+)` ", readme, re.MULTILINE))
    assert read
    assert explained == read | filled_in


def passes(python: Path, command: str, folder: Path, **environment: str) -> None:
    name, *arguments = command.split()
    done = run([python.with_name(name), *arguments], folder, **environment)
    assert done.returncode == 0, done.stdout


def source_files() -> list[Path]:
    """The files of the unbaked project, relative to it, without what git ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(command, cwd=SOURCE).decode().split("\0")
    return [Path(name) for name in names if name and (SOURCE / name).is_file()]


def copied(file: Path) -> bool:
    """Whether Cookiecutter copies this file, or a folder that it is in, as it is."""
    patterns = questions()["_copy_without_render"]
    paths = [file, *file.parents]
    return any(fnmatch(path.as_posix(), pattern) for path in paths for pattern in patterns)


def readable(file: Path) -> str | None:
    try:
        return (SOURCE / file).read_text("utf-8")
    except UnicodeDecodeError:
        return None
