"""The interface server of docs/interfaces.md, as an app of a bake, before a fake radio."""

import re
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock, Thread

import pytest

from tests.conftest import Bake, Manage
from tests.projects import Server, served
from tests.services import free_port, wait_for
from tests.test_documents import edit

RUNRADIO = "python manage.py runradio"
RUNWORKER = "python manage.py runworker tasks"
MESSAGES = (
    "SELECT body FROM chat_message m JOIN accounts_user u ON u.id = m.author_id"
    " WHERE u.username = 'radio' ORDER BY seq"
)
ROOM = (
    "from accounts.models import User; from chat.actions import create_room; "
    "create_room(User.objects.create(username='ada', email='ada@example.com'), name='General')\n"
)
SAY = (
    "from accounts.models import User; from chat.actions import post_message; "
    "from chat.models import Room; post_message(Room.objects.get(slug='general'), "
    "User.objects.get(username='ada'), body={0!r}, client_id={0!r})"
)
FEND = b"\xc0"


class Tnc:
    """A terminal node controller: programs hear all that it hears, and it keeps what they send."""

    def __init__(self, port: int) -> None:
        self.sent = b""
        self.clients: list[socket.socket] = []
        self._lock = Lock()
        self._listener = socket.create_server(("127.0.0.1", port))
        Thread(target=self._accept, daemon=True).start()

    def hears(self, frame: bytes) -> None:
        with self._lock:
            for client in self.clients:
                with suppress(OSError):  # it has gone, and its thread is about to see that
                    client.sendall(frame)

    def kill(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for client in self.clients:
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)  # and its thread closes it

    def _accept(self) -> None:
        try:
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    self.clients.append(client)
                Thread(target=self._read, args=[client], daemon=True).start()
        except OSError:
            return

    def _read(self, client: socket.socket) -> None:
        with suppress(OSError):
            while received := client.recv(4096):
                self.sent += received
        with self._lock:
            self.clients.remove(client)
            client.close()


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def project(bake: Bake, port: int) -> Path:
    """A bake with the app, made as the document says."""
    project = bake()
    page = (project / "docs/interfaces.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    files = dict(re.findall(r"`(radio/\S+\.py)`:\n\n```python\n(.*?)```", page, re.DOTALL))
    code = [line for text in files.values() for line in text.splitlines() if line.strip()]
    assert len(code) < 80
    for name, text in files.items():
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for folder in ("radio", "radio/management", "radio/management/commands"):
        (project / folder / "__init__.py").touch()
    settings, (route,) = blocks[4].replace("8001", str(port)), blocks[5].splitlines()
    with (project / "config/settings.py").open("a", encoding="utf-8") as file:
        file.write(f"\n{settings}")
    edit(project / "config/asgi.py", '"lifespan": lifespan,', f'{route}\n"lifespan": lifespan,')
    edit(
        project / "config/asgi.py",
        "from operations.endpoints",
        "from radio.server import RadioConsumer\nfrom operations.endpoints",
    )
    (project / "choose.py").write_text(blocks[6], encoding="utf-8")
    return project


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "db.sqlite3"


@pytest.fixture
def surroundings(project: Path, manage: Manage, file: Path) -> dict[str, str]:
    surroundings = served(DATABASE_URL=f"sqlite:///{file}")
    for command in ("makemigrations radio", "migrate"):
        manage(project, *command.split(), **surroundings)
    code = ROOM + (project / "choose.py").read_text("utf-8")
    manage(project, "shell", "-c", code, **surroundings)
    return surroundings


@pytest.fixture
def bridge(project: Path, python: Path, surroundings: dict[str, str]) -> Iterator[Server]:
    """The server and a worker, started while the TNC is away."""
    bridge = Server(python, project, surroundings, RUNRADIO)
    worker = Server(python, project, surroundings, RUNWORKER)
    bridge.launch()
    worker.launch()
    yield bridge
    for each in (bridge, worker):
        each.stop()
        assert "Traceback" not in each.log


def test_stations_and_people_hear_each_other(
    bridge: Server,
    project: Path,
    port: int,
    manage: Manage,
    surroundings: dict[str, str],
    file: Path,
) -> None:
    def heard() -> list[str]:
        with closing(sqlite3.connect(file)) as connection:
            return [row[0] for row in connection.execute(MESSAGES)]

    wait_for(lambda: "waits, and tries again" in bridge.log, "the line about the TNC")
    manage(project, "shell", "-c", SAY.format("Said while the TNC is away"), **surroundings)
    tnc = Tnc(port)
    wait_for(lambda: "radio is connected" in bridge.log, "the server at the TNC")
    wait_for(lambda: frame("ada: Said while the TNC is away") in tnc.sent, "what waited")

    for broken in (FEND, FEND * 3, b"\x00", b"noise" * 9, b"\x00" + b"\xff" * 40, b"\x01\x02"):
        tnc.hears(broken + FEND)
    wait_for(lambda: time.time() % 30 < 20, "half a minute in which both are heard")
    tnc.hears(station("DL1ABC", 7, b"CQ \xdb\xdc de DL1ABC"))  # an escaped FEND in the text
    tnc.hears(station("DL1ABC", 7, b"CQ \xdb\xdc de DL1ABC"))  # by a digipeater
    wait_for(lambda: len(heard()) == 1, "the first station")
    tnc.kill()
    wait_for(lambda: bridge.log.count("waits, and tries again") >= 2, "the line about its end")
    tnc = Tnc(port)
    wait_for(lambda: bridge.log.count("radio is connected") == 2, "the server at the TNC")
    tnc.hears(station("OE3XYZ", 0, b"Hello"))
    wait_for(lambda: len(heard()) == 2, "the second station")
    manage(project, "shell", "-c", SAY.format("Welcome"), **surroundings)
    wait_for(lambda: frame("ada: Welcome") in tnc.sent, "the message on the air")

    assert heard() == ["DL1ABC-7: CQ \ufffd de DL1ABC", "OE3XYZ: Hello"]
    assert tnc.sent.count(b"Said while") == 0
    assert b"DL1ABC" not in tnc.sent
    tnc.kill()


def frame(text: str) -> bytes:
    """What N0CALL sends to everyone."""
    head = "00 86 a2 40 40 40 40 60 9c 60 86 82 98 98 61 03 f0"
    return FEND + bytes.fromhex(head) + text.encode() + FEND


def station(call: str, ssid: int, text: bytes) -> bytes:
    """What a station sends to CQ by way of one digipeater."""
    source = bytes(ord(each) << 1 for each in call) + bytes([0x60 | ssid << 1])
    addresses = (
        bytes.fromhex("86 a2 40 40 40 40 60") + source + bytes.fromhex("ae 92 88 8a 62 40 63")
    )
    return FEND + b"\x00" + addresses + b"\x03\xf0" + text + FEND
