"""What the machine lends to a run: cores, open files, loopback addresses."""

import os
import platform
import resource
from contextlib import suppress
from pathlib import Path

SERVER_CORE = 0
LOAD_CORE = 1
SOCKETS_PER_ADDRESS = 20_000
CLOCK_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def claim() -> None:
    """Keep this process, which is the load, on its core; let it open as many files as allowed.

    Raises SystemExit on a machine with one core or without CPU affinity.
    """
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("bench needs Linux and two cores: one for the servers, one for the load.")
    os.sched_setaffinity(0, {LOAD_CORE})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def open_files() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def source_address(index: int) -> tuple[str, int]:
    """The loopback address that socket number `index` comes from; one has some 28,000 ports."""
    return f"127.0.0.{2 + index // SOCKETS_PER_ADDRESS}", 0


def family(pid: int) -> list[int]:
    """`pid` and its living descendants."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(FileNotFoundError):  # a thread that has just ended
                found += [int(child) for child in children.read_text().split()]
    return found


def cpu_seconds(pid: int) -> float:
    """What `pid` and its descendants have used so far, with those that have ended."""
    ticks = 0
    for each in family(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))  # its own, and of the children it waited for
    return ticks / CLOCK_TICKS_PER_SECOND


def busy_seconds() -> float:
    """How long the run's two cores have worked for any process, or for another machine."""
    ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in {f"cpu{SERVER_CORE}", f"cpu{LOAD_CORE}"}:
            user, nice, system, _, _, _, _, stolen = map(int, fields[:8])
            ticks += user + nice + system + stolen
    return ticks / CLOCK_TICKS_PER_SECOND


def resident_bytes(pids: list[int]) -> int:
    """Proportional set size: what forked processes share is counted once."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def description() -> str:
    model = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
