"""Where contestants are set up: given a database that is filled with people, and started."""

import itertools
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import redis
from msgspec import Struct, json

from bench import services
from bench.contestants import HERE, Contestant
from bench.machine import SERVER_CORE
from bench.processes import Process, Program, call, free_port, start
from bench.wires import Seat


class People(Struct):
    """What `people.py` says of those it has put into a database."""

    cookies: list[str]
    epochs: list[str]
    """Of the rooms, where they have one."""


@dataclass(frozen=True)
class Crowd:
    """Who comes: so many people, spread evenly over so many rooms."""

    people: int
    rooms: int = 1
    rooms_each: int = 1

    def seats(self, people: People) -> list[Seat]:
        cookies = people.cookies or [""] * self.people
        epochs = people.epochs or [""] * self.rooms
        return [
            Seat(i, f"bench-{i % self.rooms}", cookies[i], epochs[i % self.rooms])
            for i in range(self.people)
        ]


@dataclass
class Site:
    """A contestant that is up and listening, and the places of its crowd."""

    contestant: Contestant
    process: Process
    program: Program
    cores: set[int]
    seats: list[Seat]
    redis: Process
    postgres: Process | None

    @property
    def port(self) -> int:
        return self.process.port

    async def restart(self) -> None:
        """Start it again on its port, after its process was killed."""
        self.process = await start(self.program, self.port, self.cores, self.process.log)
        await self.process.serving()


@dataclass(frozen=True)
class Filled:
    """A database with a crowd in it, of which every site of that crowd gets a copy."""

    name: str
    people: People


class Stage:
    def __init__(
        self, stack: AsyncExitStack, logs: Path, redis_url: str, redis_process: Process
    ) -> None:
        self._stack = stack
        self._logs = logs
        self._redis_url = redis_url
        self._redis = redis_process
        self._postgres_url = ""
        self._postgres: Process | None = None
        self._numbers = itertools.count()
        self._filled: dict[tuple[str, Crowd, str], Filled] = {}

    @asynccontextmanager
    async def site(
        self,
        contestant: Contestant,
        crowd: Crowd,
        processes: int = 1,
        *,
        database: str = "sqlite",
        cores: frozenset[int] = frozenset({SERVER_CORE}),
    ) -> AsyncIterator[Site]:
        """Start `contestant` with an empty Redis and a database that holds `crowd` alone."""
        redis.Redis.from_url(self._redis_url).flushall()
        port = free_port()
        env = {
            "PYTHONPATH": str(contestant.folder),
            **contestant.env,
            "PORT": str(port),
            "WEB_CONCURRENCY": str(processes),
            "REDIS_URL": self._redis_url,
        }
        if contestant.settings:
            env["DJANGO_SETTINGS_MODULE"] = contestant.settings
        command = [word.format(port=port) for word in contestant.command]
        program = Program(command, contestant.folder, env)
        with TemporaryDirectory(dir=self._logs, prefix="database-") as folder:
            people = People([], [])
            if contestant.settings:
                filled = await self._fill(program, contestant, crowd, database)
                people = filled.people
                url = self._copy(database, filled.name, Path(folder))
                program = _with_database(program, url)
            log = self._logs / f"{contestant.key}.log"
            process = await start(program, port, set(cores), log)
            seats = crowd.seats(people)
            site = Site(
                contestant, process, program, set(cores), seats, self._redis, self._postgres
            )
            try:
                await process.serving()
                yield site
            finally:
                await site.process.kill()

    async def _fill(
        self, program: Program, contestant: Contestant, crowd: Crowd, database: str
    ) -> Filled:
        """Return the database of `crowd` for this kind of project, made when first asked for."""
        key = contestant.settings, crowd, database
        if key not in self._filled:
            name = f"filled_{next(self._numbers)}"
            url = await self._create(database, name)
            python = _with_database(replace(program, command=[sys.executable]), url)
            for more in ((), ("--run-syncdb",)):  # apps without migrations, after the others
                await call(python, "-m", "django", "migrate", "--verbosity", "0", *more)
            file = self._logs / f"{name}.json"
            numbers = map(str, (crowd.people, crowd.rooms, crowd.rooms_each))
            # -P: its apps, not our neighbours
            await call(python, "-P", str(HERE / "people.py"), str(file), *numbers)
            people = json.decode(file.read_bytes(), type=People)
            self._filled[key] = Filled(name, people)
        filled = self._filled[key]
        return filled if contestant.signs_in else replace(filled, people=People([], []))

    async def _create(self, kind: str, name: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{self._logs / name}.sqlite3"
        if not self._postgres_url:
            self._postgres_url, self._postgres = await self._stack.enter_async_context(
                services.postgres(self._logs)
            )
        self._execute(f"CREATE DATABASE {name}")
        return f"{self._postgres_url}/{name}"

    def _copy(self, kind: str, name: str, folder: Path) -> str:
        if kind == "sqlite":
            shutil.copy(self._logs / f"{name}.sqlite3", folder / "db.sqlite3")
            return f"sqlite:///{folder / 'db.sqlite3'}"
        self._execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        self._execute(f"CREATE DATABASE bench TEMPLATE {name}")
        return f"{self._postgres_url}/bench"

    def _execute(self, statement: str) -> None:
        with psycopg.connect(f"{self._postgres_url}/postgres", autocommit=True) as connection:
            connection.execute(statement)


def _with_database(program: Program, url: str) -> Program:
    return replace(program, env={**program.env, "DATABASE_URL": url})
