"""Who is measured: the baked project, and the peers in `bench/peers/`."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.wires import OurPageWire, OurWire, SocketIOWire, TutorialWire, Wire

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
PEERS = HERE / "peers"
TUTORIAL = PEERS / "tutorial"

UVICORN = ("-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning")
FAST = ("--loop", "uvloop", "--ws", "websockets-sansio", "--ws-per-message-deflate", "false")
DAPHNE = ("-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "-v", "0")

# The load is a few clients that do the work of thousands, and all of them may be one person.
NO_RATE_LIMITS = json.dumps(
    {
        "FRAMES_PER_SECOND": 1_000_000,
        "FRAMES_BURST": 1_000_000,
        "USER_FRAMES_PER_SECOND": 1_000_000,
        "USER_FRAMES_BURST": 1_000_000,
    }
)


@dataclass(frozen=True)
class Contestant:
    key: str
    name: str
    wire: Wire
    """For a socket with one topic."""
    command: tuple[str, ...]
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    page: Wire | None = None
    """For the socket of a browser's page."""
    signs_in: bool = False
    """Its database is filled with people, whose cookies the load presents."""
    settings: str = ""
    """The settings module, where its database is a Django project's."""

    @property
    def is_ours(self) -> bool:
        return self.key.startswith("ours")


def ours(server: str) -> Contestant:
    env = {
        "DEBUG": "false",
        "SECRET_KEY": "only-for-the-benchmark-" + "x" * 40,
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "false",
        "LOG_LEVEL": "WARNING",
        "REALTIME": NO_RATE_LIMITS,
        "BUDGETS": '{"messages": [1000000000, 1], "joins": [1000000000, 1]}',
    }
    return Contestant(
        key=f"ours-{server}",
        name=f"This project, {server}",
        wire=OurWire(),
        command=(sys.executable, "manage.py", "serve"),
        folder=WORK / server / "bench_project",
        env=env,
        page=OurPageWire(),
        signs_in=True,
        settings="config.settings",
    )


def tutorial(server: str, *, signs_in: bool = False, keeps: bool = False) -> Contestant:
    layer = {"daphne": "core", "uvicorn": "pubsub"}[server]
    command = (*DAPHNE,) if server == "daphne" else (*UVICORN, *FAST)
    variant = "-auth" * signs_in + "-orm" * keeps
    extra = " + AuthMiddlewareStack" * signs_in + " + ORM create" * keeps
    return Contestant(
        key=f"tutorial-{server}{variant}",
        name=f"Channels tutorial{extra}, {server}, {layer} layer",
        wire=TutorialWire("/ws/kept" if keeps else "/ws/chat"),
        command=(sys.executable, *command, "mysite.asgi:application"),
        folder=TUTORIAL,
        env={"LAYER": layer, "AUTH": "1" * signs_in},
        page=TutorialWire("/ws/page", welcome=b'"page"'),
        signs_in=signs_in,
        settings="mysite.settings",
    )


def node(program: str, name: str, wire: Wire) -> Contestant:
    return Contestant(program, name, wire, ("node", f"{program}.js"), PEERS / "node")


SOCKET_IO = node("socketio", "Socket.IO 4, Redis adapter", SocketIOWire())
SOCKET_IO_KEEPING = Contestant(
    key="socketio-pg",
    name="Socket.IO 4, Redis adapter + PostgreSQL by pg",
    wire=SOCKET_IO.wire,
    command=SOCKET_IO.command,
    folder=SOCKET_IO.folder,
    env={"KEEPS": "1", "PYTHONPATH": str(TUTORIAL), "LAYER": "core"},
    page=SocketIOWire("&page=1", welcome=b'42["page"'),
    signs_in=True,
    settings="mysite.settings",  # whose tables it uses
)
WS = node("ws", "bare ws on Node, one process, keeps nothing", TutorialWire())
HUB = Contestant(
    key="hub",
    name="bare ASGI sends, uvicorn, keeps nothing",
    wire=TutorialWire(),
    command=(sys.executable, *UVICORN, *FAST, "hub:application"),
    folder=PEERS,
)
DATABASES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
SERVERS = ("daphne", "uvicorn")
OURS = tuple(ours(server) for server in SERVERS)
TUTORIALS = tuple(tutorial(server) for server in SERVERS)
SIGNED_IN = tuple(tutorial(server, signs_in=True) for server in SERVERS)
KEEPING = tuple(tutorial(server, keeps=True) for server in SERVERS)
