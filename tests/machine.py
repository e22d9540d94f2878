"""Processes as the system sees them: what they weigh, and which belong to which."""

import os
import subprocess
from pathlib import Path


def rss_mib(pid: int) -> float:
    """How much memory a process has, in MiB."""
    statm = Path(f"/proc/{pid}/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return int(_ps("-o", "rss=", "-p", str(pid))) / 1024


def workers(supervisor: int) -> list[int]:
    """The server processes that a supervisor has started and that are alive."""
    return [
        int(pid)
        for pid, parent, state, command in _processes()
        if int(parent) == supervisor and "spawn_main" in command and not state.startswith("Z")
    ]


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet buried does not."""
    return any(int(each) == pid and not state.startswith("Z") for each, _, state, _ in _processes())


def _processes() -> list[list[str]]:
    lines = _ps("-A", "-ww", "-o", "pid=,ppid=,stat=,args=").splitlines()
    return [line.split(maxsplit=3) for line in lines if len(line.split(maxsplit=3)) == 4]


def _ps(*options: str) -> str:
    return subprocess.run(["ps", *options], capture_output=True, text=True, check=True).stdout
