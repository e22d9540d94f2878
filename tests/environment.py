"""A Python with everything that any bake and its tests need, built once and kept in .venv-bake.

`python -m tests.environment` builds it where it is missing or old, and prints its `bin` folder.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "{{cookiecutter.project_slug}}"
VENV = ROOT / ".venv-bake"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")

EXTRAS = ["nats", "s3", "valkey"]
"""Of the bake, what its tests need."""

SERVERS = ["granian>=2.8", "hypercorn>=0.18", "wsproto>=1.3"]
"""What no bake installs and tests/test_any_server.py serves one with."""

TOOLBAR = ["django-debug-toolbar>=6"]
"""What docs/debugging.md tells who wants it to install."""
DJANGO = os.environ.get("DJANGO", "")
"""The Django to test with, such as 6.1, where it is another than a bake's own."""


def build() -> Path:
    """Install what the template's own pyproject.toml lists, and return the `bin` folder.

    The unbaked file is valid TOML in which conditions are comments, so it lists the packages of
    every choice at once.
    """
    packages = [*requirements(), *SERVERS, *TOOLBAR]
    wanted = "\n".join([sys.version, *packages])
    stamp = VENV / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        install(packages, VENV)
        stamp.write_text(wanted)
    return BIN


def requirements() -> list[str]:
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))
    optional = project["project"]["optional-dependencies"]
    extras = [each for extra in EXTRAS for each in optional[extra]]
    packages = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"], *extras]
    if DJANGO:
        own = next(each for each in packages if each.startswith("django>="))
        packages[packages.index(own)] = f"django=={DJANGO}.*"
    return packages


def install(packages: list[str], venv: Path) -> None:
    """Make a new virtual environment with these packages."""
    python = venv / BIN.name / "python"
    make, fill = [sys.executable, "-m", "venv"], [str(python), "-m", "pip", "install"]
    if uv := uv_command():
        make = [*uv, "venv", "--quiet", "--python", sys.executable]
        fill = [*uv, "pip", "install", "--compile-bytecode", "--python", str(venv)]
    subprocess.run([*make, "--clear", venv], check=True)
    subprocess.run([*fill, "--quiet", *packages], check=True)


def uv_command() -> list[str]:
    if found := shutil.which("uv"):
        return [found]
    return [sys.executable, "-m", "uv"] if find_spec("uv") else []


if __name__ == "__main__":
    print(build())
