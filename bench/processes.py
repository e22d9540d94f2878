"""A program under measurement: started on its cores, watched, ended by its process id."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import machine

START_SECONDS = 40
STOP_SECONDS = 15


@dataclass(frozen=True)
class Program:
    command: Sequence[str]
    folder: Path
    env: Mapping[str, str]
    user: str = ""


class ProgramError(Exception):
    """A program ended, or did not listen in time; the message ends with what it last said."""


class Process:
    def __init__(self, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self._process = process
        self.port = port
        self.log = log

    @property
    def pids(self) -> list[int]:
        return machine.family(self._process.pid)

    @property
    def cpu_seconds(self) -> float:
        return machine.cpu_seconds(self._process.pid)

    async def listening(self) -> None:
        """Wait until the port accepts a connection."""
        await self._until(accepts)

    async def serving(self) -> None:
        """Wait until the port answers a request: some listen long before that."""
        await self._until(answers)

    async def _until(self, condition: Callable[[int], Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await condition(self.port):
                    if self._process.returncode is not None:
                        raise ProgramError(self._last_words("ended at once"))
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise ProgramError(self._last_words(f"was not up within {START_SECONDS} s")) from None

    async def kill(self) -> None:
        """End it and its children as a power cut would."""
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self._process.wait()

    async def stop(self) -> None:
        if self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    def _last_words(self, what: str) -> str:
        return f"{self.log.stem} {what}:\n{self.log.read_text()[-3000:]}"


async def start(program: Program, port: int, cores: set[int], log: Path) -> Process:
    """Start `program`; the kernel ends it if this process dies first."""
    guard = ["setpriv", "--pdeathsig", "TERM"]
    if program.user and os.geteuid() == 0:
        guard += [f"--reuid={program.user}", f"--regid={program.user}", "--init-groups"]
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *guard,
            *("taskset", "--cpu-list", ",".join(map(str, sorted(cores)))),
            *program.command,
            cwd=program.folder,
            env={**os.environ, **program.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    return Process(process, port, log)


@asynccontextmanager
async def running(
    program: Program, port: int, cores: set[int], log: Path
) -> AsyncIterator[Process]:
    process = await start(program, port, cores, log)
    try:
        await process.listening()
        yield process
    finally:
        await process.stop()


async def call(program: Program, *arguments: str) -> None:
    """Run `program` to its end; raise ProgramError with its output when it fails."""
    process = await asyncio.create_subprocess_exec(
        *program.command,
        *arguments,
        cwd=program.folder,
        env={**os.environ, **program.env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode:
        words = " ".join([*program.command, *arguments])
        raise ProgramError(f"{words} failed:\n{output.decode()[-3000:]}")


async def accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def answers(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    try:
        return bool(await reader.read(1))
    except OSError:
        return False
    finally:
        writer.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
