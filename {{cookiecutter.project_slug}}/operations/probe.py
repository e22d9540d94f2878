"""The health check of a container: `python -m operations.probe /readyz`, or `tasks` for a worker.

Exits 0 if this machine's server answers 200, or if its worker, or the interface server of that
protocol, has shown in the last minute that it works. Otherwise it prints what is wrong and exits 1.
"""

import os
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import gettempdir

ANSWER_SECONDS = 4
# Where a server is reached that listens on every address.
HERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
# As in realtime.tasks.worker and realtime.interfaces, which need Django.
ALIVE_FOLDER = Path(gettempdir())
ALIVE_SECONDS = 60


def main(what: str) -> int:
    return check_server(what) if what.startswith("/") else check_worker(what)


def check_worker(what: str) -> int:
    try:
        silent = time.time() - (ALIVE_FOLDER / f"{what}-worker").stat().st_mtime
    except OSError:
        print(f"No worker of {what} has run here.")
        return 1
    if silent > ALIVE_SECONDS:
        print(f"The worker of {what} was last alive {silent:.0f} seconds ago.")
        return 1
    return 0


def check_server(path: str) -> int:
    host = os.environ.get("HOST", "").strip("[] ")
    port = int(os.environ.get("PORT", "").strip() or "8000")
    server = HTTPConnection(HERE.get(host, host), port, ANSWER_SECONDS)
    try:
        server.request("GET", path)
        answer = server.getresponse()
        text = answer.read().decode()
    except (OSError, HTTPException) as error:
        print(f"{path}: {type(error).__name__} {error}")
        return 1
    if answer.status != 200:
        print(f"{path}: {answer.status} {text}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
