"""Where contestants are set up: baked, given a database, filled with people, started."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import redis

from bench import services
from bench.contestants import HERE, Contestant
from bench.machine import SERVER_CORE
from bench.processes import Process, Program, call, free_port, start
from bench.wires import Seat


@dataclass(frozen=True)
class Crowd:
    """Who comes: so many people, spread evenly over so many rooms."""

    people: int
    rooms: int = 1

    def seats(self, cookies: list[str]) -> list[Seat]:
        keys = cookies or [""] * self.people
        return [Seat(i, f"bench-{i % self.rooms}", keys[i]) for i in range(self.people)]


@dataclass
class Site:
    """A contestant that is up and listening, and the places of its crowd."""

    contestant: Contestant
    process: Process
    program: Program
    cores: set[int]
    seats: list[Seat]

    @property
    def port(self) -> int:
        return self.process.port

    async def restart(self) -> None:
        """Start it again on its port, after its process was killed."""
        self.process = await start(self.program, self.port, self.cores, self.process.log)
        await self.process.serving()


class Stage:
    def __init__(self, stack: AsyncExitStack, logs: Path, redis_url: str) -> None:
        self._stack = stack
        self._logs = logs
        self._redis_url = redis_url
        self._postgres_url = ""

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
        with TemporaryDirectory(dir=self._logs, prefix="database-") as folder:
            env = {
                **contestant.env,
                "PYTHONPATH": str(contestant.folder),
                "PORT": str(port),
                "WEB_CONCURRENCY": str(processes),
                "REDIS_URL": self._redis_url,
                "DATABASE_URL": await self._database(database, Path(folder)),
            }
            if contestant.settings:
                env["DJANGO_SETTINGS_MODULE"] = contestant.settings
            command = [word.format(port=port) for word in contestant.command]
            program = Program(command, contestant.folder, env)
            cookies = await self._fill(program, contestant, crowd, Path(folder))
            log = self._logs / f"{contestant.key}.log"
            process = await start(program, port, set(cores), log)
            site = Site(contestant, process, program, set(cores), crowd.seats(cookies))
            try:
                await process.serving()
                yield site
            finally:
                await site.process.kill()

    async def _fill(
        self, program: Program, contestant: Contestant, crowd: Crowd, folder: Path
    ) -> list[str]:
        if not contestant.settings:
            return []
        python = Program([sys.executable], program.folder, program.env)
        await call(python, "-m", "django", "migrate", "--verbosity", "0")
        if not contestant.signs_in:
            return []
        keys = folder / "cookies.json"
        people = (str(keys), str(crowd.people), str(crowd.rooms))
        await call(python, "-P", str(HERE / "people.py"), *people)  # apps, not our neighbours
        cookies: list[str] = json.loads(keys.read_text())
        return cookies

    async def _database(self, kind: str, folder: Path) -> str:
        if kind == "sqlite":
            return f"sqlite:///{folder / 'db.sqlite3'}"
        if not self._postgres_url:
            self._postgres_url = await self._stack.enter_async_context(
                services.postgres(self._logs)
            )
        with psycopg.connect(f"{self._postgres_url}/postgres", autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
            connection.execute("CREATE DATABASE bench")
        return f"{self._postgres_url}/bench"
