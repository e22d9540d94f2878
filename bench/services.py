"""Redis and PostgreSQL of a run's own, on the servers' core, gone when it ends."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg

from bench.machine import SERVER_CORE
from bench.processes import START_SECONDS, Process, Program, call, free_port, running


@asynccontextmanager
async def redis(logs: Path) -> AsyncIterator[tuple[str, Process]]:
    """Yield an empty Redis, by its URL, that keeps nothing on disk."""
    port = free_port()
    command = ("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "")
    program = Program(command, logs, {})
    async with running(program, port, {SERVER_CORE}, logs / "redis.log") as process:
        yield f"redis://127.0.0.1:{port}/0", process


@asynccontextmanager
async def postgres(logs: Path) -> AsyncIterator[tuple[str, Process]]:
    """Yield a PostgreSQL with its default settings, by its URL without a database's name."""
    port = free_port()
    owner = "postgres" if os.geteuid() == 0 else ""
    with tempfile.TemporaryDirectory(prefix="bench-postgres-") as folder:
        data = Path(folder) / "data"
        if owner:
            shutil.chown(folder, owner)
        switch = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups") * bool(owner)
        make = (*switch, _binary("initdb"), "--auth=trust", "--username=bench", "--pgdata")
        await call(Program(make, Path(folder), {}), str(data))
        serve = (_binary("postgres"), "-D", str(data), "-p", str(port), "-k", folder)
        program = Program((*serve, "-h", "127.0.0.1"), Path(folder), {}, user=owner)
        url = f"postgres://bench@127.0.0.1:{port}"
        async with running(program, port, {SERVER_CORE}, logs / "postgres.log") as process:
            await _answers(url)
            yield url, process


async def _answers(url: str) -> None:
    """PostgreSQL listens before it lets anyone in."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                psycopg.connect(f"{url}/postgres").close()
            except psycopg.OperationalError:
                await asyncio.sleep(0.1)
            else:
                return


def _binary(name: str) -> str:
    """Debian keeps PostgreSQL's servers outside the path, a folder to each version."""
    packaged = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(packaged[-1]) if packaged else shutil.which(name)
    if not found:
        raise SystemExit(f"bench needs PostgreSQL's {name}: install the PostgreSQL server.")
    return found
