"""A site for tests of running servers: one database with people signed in, and rooms to talk in."""

import csv
import io
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.programs import program
from tests.projects import SERVE, Server, run, served
from tests.services import Redis

PEOPLE = 12
STRANGERS = 40
ROOMS = 80

BUDGETS = {"messages": [1_000_000, 1], "conversations": [1_000, 1]}
"""Of a site's servers: a few people say in minutes what others say in days."""

# The defaults, but for what a test would have to wait for.
LIMITS = {"HEARTBEAT_SECONDS": 1, "CHECK_SECONDS": 1, "HANDSHAKE_SECONDS": 3, "DRAIN_SECONDS": 2}

POPULATE = f"""
import json
from accounts.models import User
from chat import actions
from realtime.testing import session_key_of

people = [
    User.objects.create(username=f"person{{n}}", email=f"person{{n}}@example.com")
    for n in range({PEOPLE + STRANGERS})
]
rooms = [actions.create_room(people[0], name=f"Room {{n}}") for n in range({ROOMS})]
private = actions.create_room(people[0], name="Private", kind="private")
print(json.dumps({{
    "people": [[each.pk, each.username, session_key_of(each)] for each in people],
    "rooms": [room.slug for room in rooms],
    "private": private.slug,
}}))
"""


@dataclass(frozen=True)
class Person:
    """Someone with an account, and the key of a session in which they are signed in."""

    id: int
    username: str
    session: str


@dataclass
class Site:
    """One bake at work over a database and a Redis. Its servers end with it.

    Everybody may enter every room; the first of `people` owns the rooms.
    """

    kind: str  # the ASGI server's name
    project: Path
    python: Path
    environment: dict[str, str]
    redis: Redis
    people: list[Person] = field(default_factory=list)
    private_room: str = ""
    _strangers: list[Person] = field(default_factory=list)
    _rooms: list[str] = field(default_factory=list)
    _pair: list[Server] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    def new_room(self) -> str:
        """The slug of a public room in which nobody has said anything."""
        return self._rooms.pop()

    def new_person(self) -> Person:
        """Someone whom a test may put out for good."""
        return self._strangers.pop()

    def pair(self) -> tuple[Server, Server]:
        """Two server processes that run, whatever became of them before. They end with the site."""
        if not self._pair:
            one, two = (self._server() for _ in range(2))
            self._pair.extend([one, two])
            self._stack.enter_context(one)
            self._stack.enter_context(two)
        for server in self._pair:
            if server.process is None or server.process.poll() is not None:
                server.start()
        return self._pair[0], self._pair[1]

    @contextmanager
    def serving(self, command: str = SERVE, **changes: str) -> Iterator[Server]:
        """A server process for one test."""
        with self._server(command, **changes) as server:
            yield server

    def inside(self, code: str) -> Any:  # Any: JSON
        """Run code in a shell of the project; return what it printed last, read as JSON."""
        command: list[str | Path] = [
            self.python,
            "manage.py",
            "shell",
            "--verbosity",
            "0",
            "--command",
            code,
        ]
        done = run(command, self.project, **self.environment)
        if done.returncode:
            raise RuntimeError(done.stdout)
        lines = done.stdout.splitlines()
        return json.loads(lines[-1]) if lines else None

    def rows(self, query: str) -> list[list[str]]:
        """What the database answers to a query."""
        command = [program("psql"), "--no-psqlrc", "--tuples-only", "--csv", "--command", query]
        url = self.environment["DATABASE_URL"]
        done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
        return list(csv.reader(io.StringIO(done.stdout)))

    def __enter__(self) -> Self:
        made = self.inside(POPULATE)
        people = [Person(*each) for each in made["people"]]
        self.people, self._strangers = people[:PEOPLE], people[PEOPLE:]
        self._rooms = made["rooms"]
        self.private_room = made["private"]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _server(self, command: str = SERVE, **changes: str) -> Server:
        surroundings = {"BUDGETS": json.dumps(BUDGETS)} | self.environment | changes
        return Server(self.python, self.project, served(**surroundings), command)


def tail(server: Server) -> Callable[[], str]:
    """What the server has written since now, whenever it is called."""
    before = len(server.log)
    return lambda: server.log[before:]


def lines(log: str) -> int:
    """How many lines tell of the abuse; there must be no traceback among them.

    One line a request, and one for each socket that its client closes, are as always.
    """
    assert "Traceback" not in log, log
    as_always = re.compile("operations.requests|closed by the client")
    return sum(not as_always.search(line) for line in log.splitlines())
