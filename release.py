"""Prepare a release of the template: `make release VERSION=1.1.0`.

It writes the version where it stands, gives the changes in CHANGELOG.md their heading, and freezes
the migrations: a database of any release has run them, so from then on they can only be added to.
"""

import hashlib
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SOURCE = ROOT / "{{cookiecutter.project_slug}}"
FROZEN = ROOT / "tests/migrations.sha256"
"""A line for each migration of the last release, as sha256sum writes it."""
STARTING = "realtime/starting/"
"""What `manage.py startrealtime` copies: no database of ours has run its migrations."""
VERSIONED = {
    "cookiecutter.json": r'(?<="_version": ")[^"]+',
    "pyproject.toml": r'(?<=^version = ")[^"]+',
}
UNRELEASED = "## Unreleased\n"


def main(version: str) -> None:
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        sys.exit(f'Say which version, such as make release VERSION=1.1.0; "{version}" is none.')
    if git("status", "--porcelain"):
        sys.exit("Commit or stash your changes first: a tag has what is committed.")
    tags = re.findall(r"^v(\d+\.\d+\.\d+)$", git("tag"), re.MULTILINE)
    last = max(map(numbers, tags), default=())
    if numbers(version) <= last:
        sys.exit(f"{version} is not newer than the last, {'.'.join(map(str, last))}.")
    if changed := changed_migrations():
        sys.exit(f"Released migrations cannot change: {', '.join(changed)}. Add new ones instead.")
    changelog = ROOT / "CHANGELOG.md"
    text = changelog.read_text("utf-8")
    if not re.search(rf"^{UNRELEASED}(\s|###.*\n)*[^#\s]", text, re.MULTILINE):
        sys.exit("CHANGELOG.md has nothing under Unreleased: say there what is new.")

    today = datetime.now(UTC).date()
    heading = f"{UNRELEASED}\n## {version} ({today})\n"
    changelog.write_text(text.replace(UNRELEASED, heading, 1), "utf-8")
    for name, place in VERSIONED.items():
        file = ROOT / name
        found = re.sub(place, version, file.read_text("utf-8"), count=1, flags=re.MULTILINE)
        file.write_text(found, "utf-8")
    lines = [f"{digest}  {path}\n" for path, digest in sorted(migrations().items())]
    FROZEN.write_text("".join(lines), "utf-8")


def migrations() -> dict[str, str]:
    """Every migration of a bake, with the SHA-256 of its text."""
    return {
        path.relative_to(SOURCE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in SOURCE.rglob("migrations/[0-9]*.py")
        if STARTING not in path.as_posix()
    }


def changed_migrations() -> list[str]:
    """The migrations of the last release that are no longer as they were."""
    now = migrations()
    frozen = [line.split() for line in FROZEN.read_text("utf-8").splitlines()]
    return [path for digest, path in frozen if now.get(path) != digest]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def git(*arguments: str) -> str:
    return subprocess.check_output(["git", *arguments], cwd=ROOT, text=True)


if __name__ == "__main__":
    main("".join(sys.argv[1:]))
