"""Finish a bake: its secrets, what was not chosen taken out, a git repository, the next steps."""

import json
import os
import re
import secrets
import shutil
import subprocess
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")

# For each answer, the paths that only one choice of it keeps.
ONLY_FOR = {
    "asgi_server": {
        # daphne is the development server of both
        "uvicorn": ["realtime/servers/uvicorn.py", "realtime/servers/lending_uvicorn.py"],
    },
    "ci": {
        "github": [".github"],
        "gitlab": [".gitlab-ci.yml"],
    },
    "web_push": {
        True: ["notifications/webpush"],
    },
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
    "kubernetes": {
        True: ["deploy/kubernetes"],
    },
}  # type: dict[str, dict[str | bool, list[str]]]
# A secret of its own for each of these lines of .env.example.
SECRETS = ("SECRET_KEY", "POSTGRES_PASSWORD", "WEB_PUSH_SECRET", "MQTT_PASSWORD")
SECRET_BYTES = 64

NEXT_STEPS = """
{slug}/ is ready. Next:

    cd {slug}
    make run        installs it, and serves it on http://127.0.0.1:8000
    make demo       the same, with two people and some rooms to try it with
    make test       runs its tests

.env holds its secrets and stays out of git. README.md has the rest, and the steps without make.
"""


def main() -> None:
    remove_what_was_not_chosen()
    keep_one_license()
    write_env()
    start_repository()
    print(NEXT_STEPS.format(slug=ANSWERS["project_slug"]))


def remove_what_was_not_chosen() -> None:
    for answer, choices in ONLY_FOR.items():
        for choice, paths in choices.items():
            if choice != ANSWERS[answer]:
                for path in paths:
                    remove(Path(path))
    if {path.name for path in Path("bridges").iterdir()} == {"__init__.py"}:  # none was chosen
        remove(Path("bridges"))


def keep_one_license() -> None:
    Path("licenses", ANSWERS["license"]).replace("LICENSE")
    remove(Path("licenses"))


def write_env() -> None:
    env = Path(".env")
    if env.exists():  # baked again over a project that has its secrets
        return
    text = Path(".env.example").read_text(encoding="utf-8")
    for name in SECRETS:
        secret = secrets.token_urlsafe(SECRET_BYTES)
        text = re.sub(rf"^{name}=$", f"{name}={secret}", text, flags=re.MULTILINE)
    env.touch(mode=0o600)
    env.write_text(text, encoding="utf-8", newline="\n")


def start_repository() -> None:
    if Path(".git").exists() or not shutil.which("git"):
        return
    # Inside a git hook these point at the repository that the hook runs for.
    elsewhere = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}
    environment = {name: value for name, value in os.environ.items() if name not in elsewhere}
    command = ["git", "-c", "init.defaultBranch=main", "init", "--quiet"]
    if subprocess.run(command, env=environment).returncode:
        print("git could not start a repository here; `git init` does it later.")


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


main()
