"""Finish a bake: its secrets, what was not chosen taken out, a git repository, the next steps."""

import json
import os
import re
import runpy
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")

# For each answer, the paths that only one choice of it keeps.
ONLY_FOR = {
    "asgi_server": {
        "daphne": [
            "realtime/management/commands/runserver.py",
            "realtime/servers/daphne.py",
            "realtime/servers/lending_daphne.py",
        ],
        "uvicorn": ["realtime/servers/uvicorn.py", "realtime/servers/lending_uvicorn.py"],
    },
    "ci": {"github": [".github"], "gitlab": [".gitlab-ci.yml"]},
    "web_push": {True: ["notifications/webpush"]},
    "telegram": {
        True: ["bridges/telegram", "deploy/kubernetes/base/telegram.yaml", "docs/telegram.md"],
    },
    "mqtt": {
        True: [
            "bridges/mqtt",
            "deploy/kubernetes/base/mqtt.yaml",
            "deploy/mosquitto",
            "docs/mqtt.md",
        ],
    },
    "kubernetes": {True: ["deploy/kubernetes"]},
}  # type: dict[str, dict[str | bool, list[str]]]
NEXT_STEPS = """
{slug}/ is ready. Next:

    cd {slug}
    make run        installs it, and serves it on http://127.0.0.1:8000
    make demo       the same, with two people and some rooms to try it with
    make test       runs its tests

.env holds its secrets and stays out of git. README.md has the rest, and the steps without make.
"""


def main() -> None:
    over_a_project = bool(git("ls-files"))  # all of it: pre_gen_project.py has looked
    Path("licenses", ANSWERS["license"]).replace("LICENSE")
    for path in [*not_chosen(), "licenses"]:
        remove_what_was_baked(Path(path), over_a_project)
    if over_a_project and (left := [path for path in not_chosen() if git("ls-files", path)]):
        say(f"git has {', '.join(left)}, which was not chosen: remove what is not your own.")
    make_scripts_executable()
    if is_of_cruft_alone():
        return
    runpy.run_path("config/env_file.py")["fill"](Path())
    note_the_template()
    start_repository()
    say(NEXT_STEPS.format(slug=ANSWERS["project_slug"]))


def not_chosen() -> Iterator[str]:
    for answer, choices in ONLY_FOR.items():
        for choice, paths in choices.items():
            if choice != ANSWERS[answer]:
                yield from paths
    if not ANSWERS["telegram"] and not ANSWERS["mqtt"]:
        yield "bridges"


def remove_what_was_baked(path: Path, over_a_project: bool) -> None:
    if over_a_project:  # what git has was there before
        git("clean", "--force", "-d", "--quiet", "--", str(path))
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def make_scripts_executable() -> None:
    """A template that came as a zip has lost these bits."""
    for path in Path("deploy").iterdir():
        if path.is_file() and path.read_bytes().startswith(b"#!"):
            path.chmod(path.stat().st_mode | 0o111)


def is_of_cruft_alone() -> bool:
    """Whether cruft bakes this for itself, to compare."""
    return "_output_dir" not in ANSWERS and Path.cwd().parent.name.startswith(tempfile.template)


def note_the_template() -> None:
    """Write down what this was baked from, as cruft does by itself: `make update` reads it."""
    if "_repo_dir" not in ANSWERS:
        return
    # What was typed may be relative to a folder that a hook is not told.
    bases = (os.environ.get("PWD", ""), ANSWERS["_output_dir"])
    typed = [Path(base, ANSWERS["_template"]).resolve() for base in bases]
    local = next((path for path in typed if (path / "cookiecutter.json").exists()), None)
    at = ("-C", str(local or ANSWERS["_repo_dir"]))
    head = git(*at, "rev-parse", "--show-prefix", "--verify", "--quiet", "HEAD")
    prefix, _, commit = head.partition("\n")
    if prefix:
        commit = ""  # of a repository that the template is a folder of
    address = local or git(*at, "remote", "get-url", "origin").strip() or ANSWERS["_template"]
    answers = {name: answer for name, answer in ANSWERS.items() if not name.startswith("_")}
    note = {
        # without the name and the token of who bakes: this file is committed
        "template": re.sub(r"(https?://)[^/]*@", r"\1", str(address)),
        "commit": commit.strip() or None,
        "checkout": None,
        "context": {"cookiecutter": {**answers, "_version": ANSWERS["_version"]}},
        "directory": None,
    }
    text = json.dumps(note, indent=2, ensure_ascii=False)
    Path(".cruft.json").write_text(f"{text}\n", encoding="utf-8", newline="\n")


def start_repository() -> None:
    """Make one, unless the project is part of the repository around it."""
    if shutil.which("git") and (not git("rev-parse", "--git-dir") or git("check-ignore", ".")):
        git("-c", "init.defaultBranch=main", "init", "--quiet")
        if not Path(".git").exists():
            say("git could not start a repository here; `git init` does it later.")


def git(*arguments: str) -> str:
    """What git prints about the project; nothing where it fails or there is none."""
    # Inside a git hook these point at the repository that the hook runs for.
    elsewhere = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}
    kept = {name: value for name, value in os.environ.items() if name not in elsewhere}
    with suppress(OSError):
        return subprocess.run(
            ["git", *arguments], env=kept, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ).stdout.decode()
    return ""


def say(text: str) -> None:
    """Write to standard error; where nobody reads it any more, the bake is good all the same."""
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())


main()
