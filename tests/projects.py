"""A baked project at work: its commands, and its server in processes of their own."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

from tests.services import end, free_port, wait_for

OURS = (
    *("DATABASE_URL", "REDIS_URL", "LAYER_URL"),
    *("DJANGO_SETTINGS_MODULE", "SECRET_KEY", "DEBUG", "VIRTUAL_ENV"),
    "PYTHONDONTWRITEBYTECODE",  # a bake is compiled once, not in each of its processes
)

COMMAND_SECONDS = 900
"""More than the slowest command takes on a busy machine: a test suite that hangs must end."""


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without what would reach into a bake, plus these changes."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return kept | changes


def served(**changes: str) -> dict[str, str]:
    """The environment of a server that answers on this machine without TLS.

    With Redis it runs as in production; without, only DEBUG allows it to.
    """
    defaults = {
        "DEBUG": "false" if "REDIS_URL" in changes else "true",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "SECURE_SSL_REDIRECT": "false",
        "WEB_CONCURRENCY": "1",
        "LINK_PREVIEWS": "false",  # no test asks a site of somebody else
    }
    return environment(**(defaults | changes))


def run(
    command: Sequence[str | Path], folder: Path, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a project, its standard output and standard error together as text."""
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env=environment(**changes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=COMMAND_SECONDS,
        )
    except subprocess.TimeoutExpired as late:
        said = late.stdout.decode(errors="replace") if isinstance(late.stdout, bytes) else ""
        raise RuntimeError(f"{command} went on for {COMMAND_SECONDS} s:\n{said}") from None


COLLECT = "collectstatic --no-input"
ONE_AFTER_ANOTHER = """
import shlex, sys
from django.core.management import execute_from_command_line
for command in sys.argv[1:]:
    execute_from_command_line(["manage.py", *shlex.split(command)])
"""


def in_one_process(
    python: Path, project: Path, *commands: str, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run commands of a project up to the first that fails, for one start of Django."""
    changes = {"DJANGO_SETTINGS_MODULE": "config.settings"} | changes
    return run([python, "-c", ONE_AFTER_ANOTHER, *commands], project, **changes)


SERVE = "python manage.py serve --port {port}"


class Server:
    """One server of a project, on a port of its own, until it is stopped or killed.

    `start` returns when it answers requests. A server that was killed can start again; it
    then has the same port.

    Args:
        command: how it is started, by a program that is beside `python`.
    """

    def __init__(
        self, python: Path, project: Path, environment: dict[str, str], command: str = SERVE
    ) -> None:
        self.python = python
        self.project = project
        self.command = command
        self.environment = environment
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.output = Path(tempfile.mkdtemp(prefix="server-"), "log")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that it has written, over all its starts."""
        return self.output.read_text(encoding="utf-8")

    def launch(self) -> None:
        """Start it without waiting, and without a request."""
        program, *arguments = self.command.format(port=self.port).split()
        with self.output.open("ab") as log:
            self.process = subprocess.Popen(
                [self.python.with_name(program), *arguments],
                cwd=self.project,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start(self) -> None:
        self.launch()
        try:
            wait_for(self.responds, self.command, self.process)
        except (RuntimeError, TimeoutError) as error:
            error.add_note(self.log)
            self.kill()
            raise

    def responds(self) -> bool:
        """Whether it answers a request, whatever it says: it listens before it is ready."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("HEAD", "/")
            return bool(connection.getresponse().status)
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """Ask it to end (SIGTERM), as a deployment does, and wait until it has."""
        end(self.process)
        self.kill()

    def kill(self) -> None:
        """End it and its worker processes at once (SIGKILL), as a crash does."""
        if self.process:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.output.parent, ignore_errors=True)
