"""A Redis server that a test starts for itself, and may stop and start again."""

import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress

from redis import Redis
from redis.exceptions import ConnectionError as NotConnected

START_SECONDS = 60


class RedisServer:
    """`redis-server` on a free port of this machine; it keeps nothing on disk."""

    def __init__(self) -> None:
        self.port = _free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program, "Tests that kill or empty a Redis start their own: install redis-server."
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no"}
        arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        self._process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL)  # noqa: S603
        self._wait_until_it_answers()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Let it keep its connections, and answer nobody."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        with Redis.from_url(self.url) as client:
            client.flushall()

    def keys(self) -> list[bytes]:
        with Redis.from_url(self.url) as client:
            return list(client.keys("*"))

    def delete(self, *keys: str) -> None:
        with Redis.from_url(self.url) as client:
            client.delete(*keys)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with Redis.from_url(self.url) as client:
            while True:
                try:
                    client.ping()
                    return
                except NotConnected:
                    assert time.monotonic() < deadline, "redis-server did not start."
                    time.sleep(0.02)


def _free_port() -> int:
    """A port below those that systems give to whoever connects."""
    while True:
        port = 10_000 + secrets.randbelow(10_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
