"""The health check of a container: `python -m operations.probe /readyz`.

Exits 0 if this machine's server answers 200; otherwise prints the answer and exits 1.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

ANSWER_SECONDS = 4


def main(path: str) -> int:
    server = HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), ANSWER_SECONDS)
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
