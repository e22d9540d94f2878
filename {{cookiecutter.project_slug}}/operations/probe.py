"""The health check of a container: `python -m operations.probe /readyz`, or `tasks` for a worker.

Exits 0 if this machine's server answers 200, or if its worker looked for tasks in the last minute.
Otherwise it prints what is wrong and exits 1.
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
# As in realtime.tasks.worker, which needs Django.
ALIVE_FILE = Path(gettempdir()) / "tasks-worker"
ALIVE_SECONDS = 60


def main(what: str) -> int:
    return check_worker() if what == "tasks" else check_server(what)


def check_worker() -> int:
    try:
        silent = time.time() - ALIVE_FILE.stat().st_mtime
    except OSError:
        print("No worker has looked for tasks.")
        return 1
    if silent > ALIVE_SECONDS:
        print(f"The worker looked for tasks {silent:.0f} seconds ago, and not since.")
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
