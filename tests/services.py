"""Servers of the tests' own, such as Redis: on free ports, in folders that go with them."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count, cycle
from pathlib import Path
from typing import Self

from tests.programs import program

START_SECONDS = 60  # on a busy machine; two, otherwise
STOP_SECONDS = 15
PORTS_PER_PROCESS = 2_000
FIRST_PORT = 20_000  # below those that systems give to whoever connects


class Redis:
    """A redis-server that can be stopped, killed and started again on the same port.

    It keeps nothing on disk: a restart forgets everything, as an unsaved Redis does.
    """

    name = "redis-server"
    form = "redis://127.0.0.1:{port}/0"
    options: tuple[str, ...] = ("--bind", "127.0.0.1", "--save", "")

    def __init__(self) -> None:
        self.port = free_port()
        self.url = self.form.format(port=self.port)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [program(self.name), "--port", str(self.port), *self.options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
        )
        wait_for(lambda: answers(self.port), self.name, self.process)

    def stop(self) -> None:
        end(self.process)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Valkey(Redis):
    name = "valkey-server"
    form = "valkey://127.0.0.1:{port}/0"


class Nats(Redis):
    name = "nats-server"
    form = "nats://127.0.0.1:{port}"
    options = ("--addr", "127.0.0.1")


class Mosquitto:
    """A broker with the settings of a bake, which can be killed and started again.

    Its users are `site` and the device `kitchen`, both with the password `secret`.
    """

    def __init__(self, project: Path) -> None:
        self.port = free_port()
        self.url = f"mqtt://site:secret@127.0.0.1:{self.port}"
        self.folder = Path(tempfile.mkdtemp(prefix="mosquitto-"))
        self.process: subprocess.Popen[bytes] | None = None
        passwords = self.folder / "passwords"
        passwords.touch(mode=0o600)
        for user in ("site", "kitchen"):
            command = [program("mosquitto_passwd"), "-b", str(passwords), user, "secret"]
            subprocess.run(command, check=True)
        shutil.copy(project / "deploy/mosquitto/acl", self.folder)
        (self.folder / "acl").chmod(0o600)
        text = (project / "deploy/mosquitto/mosquitto.conf").read_text(encoding="utf-8")
        text = text.replace("listener 1883", f"listener {self.port} 127.0.0.1")
        text = text.replace("/mosquitto/data", str(self.folder))
        (self.folder / "mosquitto.conf").write_text(f"user root\n{text}", encoding="utf-8")

    def start(self) -> None:
        command = [program("mosquitto"), "-c", str(self.folder / "mosquitto.conf")]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder
        )
        wait_for(lambda: answers(self.port), "mosquitto", self.process)

    def stop(self) -> None:
        end(self.process)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres:
    """A PostgreSQL cluster in a temporary folder. PostgreSQL refuses to run as root; as root, this
    runs it as the user nobody."""

    def __init__(self) -> None:
        self.port = free_port()
        # Not pytest's own temporary folder: another user has to reach this one.
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self.data = self.folder / "data"
        self.settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "max_connections": 200,
            # No test pulls the plug of this machine; without fsync a commit costs a tenth.
            "fsync": "off",
            "synchronous_commit": "off",
        }
        self.user = "nobody" if hasattr(os, "geteuid") and os.geteuid() == 0 else None
        self.process: subprocess.Popen[bytes] | None = None
        self.numbers = count(1)

    def start(self) -> None:
        if self.user:
            shutil.chown(self.folder, self.user)
        if not self.data.exists():
            self.make_cluster()
        command = [program("postgres"), "-D", str(self.data), "-p", str(self.port)]
        self.process = subprocess.Popen(
            [*command, *(f"-c{name}={value}" for name, value in self.settings.items())],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self.user,
            cwd=self.folder,
        )
        wait_for(lambda: self.sql("SELECT 1"), "postgres", self.process)

    def create_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"site_{next(self.numbers)}"
        if not self.sql(f"CREATE DATABASE {name}"):
            raise RuntimeError(f"PostgreSQL did not make the database {name}")
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"

    def sql(self, statement: str) -> bool:
        """Whether the server carries the statement out."""
        command = [program("psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        return not subprocess.run([*command, "-qc", statement], capture_output=True).returncode

    def make_cluster(self) -> None:
        command = [program("initdb"), "--auth=trust", "--username=postgres", "--no-sync"]
        subprocess.run(
            [*command, "--encoding=UTF8", "-D", str(self.data)],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self.user,
            cwd=self.folder,
        )

    def stop(self) -> None:
        end(self.process, interrupt=True)

    def kill(self) -> None:
        """End all of its processes at once."""
        if self.process:
            mother = self.process.pid
            listing = subprocess.run(["pgrep", "-P", str(mother)], capture_output=True, text=True)
            for pid in [mother, *map(int, listing.stdout.split())]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


_number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 6
_first = FIRST_PORT + PORTS_PER_PROCESS * _number
_ports = cycle(range(_first, _first + PORTS_PER_PROCESS))


def free_port() -> int:
    """A port that is free, and that the system gives to nobody who connects or asks for any."""
    while True:
        port = next(_ports)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def wait_for(
    condition: Callable[[], bool],
    what: str,
    process: subprocess.Popen[bytes] | None = None,
    seconds: float = START_SECONDS,
) -> None:
    """Return once the condition holds; raise when it does not within so many seconds, or when the
    process that was to bring it about has ended."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process and process.poll() is not None:
            raise RuntimeError(f"{what} ended at once, with exit status {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not ready after {seconds} s")
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes] | None, *, interrupt: bool = False) -> None:
    if not process or process.poll() is not None:
        return
    # To PostgreSQL, SIGTERM means "when the last client has gone", and SIGINT means now.
    process.send_signal(signal.SIGINT if interrupt else signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
