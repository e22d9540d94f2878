"""The project's servers as processes, over the database of the tests."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

START_SECONDS = 60  # on a busy machine; two, otherwise
STOP_SECONDS = 30

# In the template's own folder the project has no server yet.
for_serve = pytest.mark.skipif(not settings.ASGI_SERVER.isidentifier(), reason="not baked")


class Server:
    """A command of `manage.py` that serves on a free port, from `with` on until it is stopped.

    Args:
        command: the command's name, and options that it takes besides its address.
        folder: where its log is written.
        environment: variables of this server alone.
    """

    def __init__(self, *command: str, folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"
        self._command = [sys.executable, "manage.py", *command, *self._place(command[0])]
        self._environment = server_environment(f"test-{self.port}:") | environment
        self._log = folder / "log"

    @property
    def log(self) -> str:
        """The output of the server."""
        return self._log.read_text(encoding="utf-8")

    def get(self, path: str) -> tuple[int, str]:
        """The status and the body of the answer to a request."""
        server = HTTPConnection(self.address, timeout=5)
        try:
            server.request("GET", path)
            answer = server.getresponse()
            return answer.status, answer.read().decode()
        finally:
            server.close()

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except (OSError, HTTPException):
            return False

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, while the server runs."""
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            assert self._process.poll() is None, f"The server ended:\n{self.log}"
            assert time.monotonic() < deadline, f"The server took too long:\n{self.log}"
            time.sleep(0.02)

    def stop(self) -> int:
        """Ask the server to stop (SIGTERM), as a deployment does; return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_SECONDS)

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                self._command,
                cwd=settings.BASE_DIR,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self.wait_until(self.is_ready)
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()

    def _place(self, command: str) -> list[str]:
        return [self.address] if command == "runserver" else ["--port", str(self.port)]

    def _kill(self) -> None:
        """Kill the server and its workers."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def server_environment(redis_prefix: str) -> dict[str, str]:
    """The environment of a server that uses the services of the tests, whatever `.env` says."""
    return os.environ | {
        "ALLOWED_HOSTS": "127.0.0.1",
        "BEHIND_PROXY": "false",
        "DATABASE_POOLER": "false",
        "DATABASE_URL": database_url(),
        "DEBUG": "true",  # files are served without being collected
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOG_FORMAT": "line",
        "LAYER_URL": settings.LAYER_URL,
        "METRICS_TOKEN": "",
        "PYTHONUNBUFFERED": "1",
        "REALTIME": '{"DRAIN_SECONDS": 0.1}',
        "REDIS_PREFIX": redis_prefix,
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,  # the tests make sessions for the server
        "SECURE_SSL_REDIRECT": "false",
        "SENTRY_DSN": "",
        "WEB_CONCURRENCY": "1",
    }


def database_url() -> str:
    """The database that these tests run on: it is migrated, and emptied after each of them."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
