"""A bake in production on this machine: its image, its compose stack, and ways to hurt it."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from tests.projects import environment
from tests.services import free_port

DOMAIN = "chat.localhost"
UP_SECONDS = 240
STANDINS = os.environ.get("STANDINS", "")
"""A program for machines that reach no registry: it makes the images that a project builds on."""


def no_docker() -> str:
    """Why container tests cannot run on this machine; empty where they can."""
    if STANDINS and hasattr(os, "geteuid") and os.geteuid() == 0:
        return ""
    if not shutil.which("docker"):
        return "docker is not installed"
    done = subprocess.run(["docker", "info"], capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else ""


def prepare_base_images(project: Path) -> None:
    """Make the images that a project builds on available, on a machine that cannot pull them."""
    if STANDINS:
        subprocess.run([STANDINS, project], check=True, stdout=subprocess.DEVNULL)


class Stack:
    """A project's compose stack, under ports of its own."""

    def __init__(self, project: Path, replicas: int = 3, **variables: str) -> None:
        self.project = project
        self.seconds_to_ready = 0.0
        self.https_port = free_port()
        self.variables = {
            "COMPOSE_PROJECT_NAME": f"test{self.https_port}",
            "DOMAIN": DOMAIN,
            "EMAIL_URL": "consolemail://",
            "HTTP_PORT": str(free_port()),
            "HTTPS_PORT": str(self.https_port),
            "METRICS_TOKEN": "of-these-tests",
            "TAG": f"test{self.https_port}",
            "WEB_REPLICAS": str(replicas),
            **variables,
        }

    def run(self, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project's folder, as its owner would."""
        return subprocess.run(
            command,
            cwd=self.project,
            env=environment(**(self.variables | variables)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def compose(self, *arguments: str) -> str:
        done = self.run("docker", "compose", *arguments)
        assert done.returncode == 0, f"{arguments}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def manage(self, *arguments: str) -> str:
        return self.compose("exec", "-T", "web", "python", "manage.py", *arguments)

    def python(self, program: str) -> Any:
        """What a program that runs in a replica, with Django set up, prints as JSON."""
        return json.loads(self.manage("shell", "--no-imports", "--command", program))

    # Its life

    def up(self) -> float:
        """Start it and wait until all of it is ready; returns the seconds that took."""
        began = time.monotonic()
        self.compose("up", "--detach", "--wait", "--wait-timeout", str(UP_SECONDS))
        return time.monotonic() - began

    def down(self) -> None:
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "1")
        self.run("docker", "image", "rm", "--force", self.image)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if any(_):
            print(self.compose("ps", "--all"), self.compose("logs", "--tail", "40"))
        self.down()

    # What it consists of

    @property
    def image(self) -> str:
        return f"{self.project.name}:{self.variables['TAG']}"

    def containers(self, service: str = "web") -> list[str]:
        return self.compose("ps", "--quiet", service).split()

    def inspect(self, container: str) -> dict[str, Any]:
        done = self.run("docker", "inspect", container)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found[0]

    def kill(self, container: str) -> None:
        """End a container's program at once (SIGKILL), as a crash does."""
        os.kill(self.inspect(container)["State"]["Pid"], signal.SIGKILL)

    def metrics(self, container: str) -> dict[str, float]:
        """A replica's metrics, asked from within."""
        text = self.run("docker", "exec", container, "python", "-c", _READ_METRICS).stdout
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    # Its front door

    @cached_property
    def authority(self) -> str:
        """The certificate of the authority that signed this stack's own."""
        return self.compose(
            "exec", "-T", "proxy", "cat", "/data/caddy/pki/authorities/local/root.crt"
        )

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Trusts the authority that signed this stack's certificate, and no other."""
        return ssl.create_default_context(cadata=self.authority)

    @property
    def address(self) -> str:
        return f"{DOMAIN}:{self.https_port}"


_READ_METRICS = """
import os
from urllib.request import Request, urlopen
token = {"Authorization": "Bearer " + os.environ["METRICS_TOKEN"]}
answer = urlopen(Request("http://127.0.0.1:8000/metrics", headers=token))
print(answer.read().decode(), end="")
"""


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Visitor:
    """Somebody with a browser, who comes through the proxy."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.cookies: SimpleCookie = SimpleCookie()

    def get(self, path: str, **headers: str) -> Answer:
        return self._request("GET", path, None, headers)

    def post(self, path: str, **fields: str) -> Answer:
        """Send a form, from the page that is at the same path."""
        self.get(path)
        form = {"csrfmiddlewaretoken": self.cookies["__Host-parlour_csrftoken"].value, **fields}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Referer": f"https://{self.stack.address}{path}",
        }
        return self._request("POST", path, urlencode(form), headers)

    @property
    def cookie(self) -> str:
        return "; ".join(f"{each.key}={each.value}" for each in self.cookies.values())

    def _request(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        connection = _Connection(DOMAIN, self.stack.https_port, context=self.stack.tls, timeout=30)
        try:
            connection.request(method, path, body, {**headers, "Cookie": self.cookie})
            response = connection.getresponse()
            for cookie in response.headers.get_all("Set-Cookie", []):
                self.cookies.load(cookie)
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()


class _Connection(http.client.HTTPSConnection):
    """Finds the test's domain on this machine, whatever the resolver says of it."""

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)  # type: ignore[attr-defined]


if __name__ == "__main__":  # whether container tests can run here: prints why not
    if reason := no_docker():
        sys.exit(reason)
