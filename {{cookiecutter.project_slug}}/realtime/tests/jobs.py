"""Tasks to test with: each writes down what it does."""

import time
from pathlib import Path

from realtime.tasks import NotYet, RetryLater, task
from realtime.tasks.api import TaskContext

heard: list[str] = []


@task
def note(text: str, *, loud: bool = False) -> list[str]:
    heard.append(text.upper() if loud else text)
    return [text]


@task(takes_context=True)
def count(context: "TaskContext[..., int]") -> int:
    return context.attempt


@task
def fail(text: str) -> None:
    heard.append(text)
    raise ValueError(text)


@task
def ask_for_time(seconds: float) -> None:
    raise RetryLater("busy", seconds)


@task
def wait(seconds: float) -> None:
    raise NotYet(seconds)


@task
async def note_later(text: str) -> None:
    heard.append(text)


@task
def write(file: str, text: str, seconds: float = 0) -> None:
    """Append `text` to a file, and after some time that it is done."""
    append(file, f"{text} begun")
    time.sleep(seconds)
    append(file, f"{text} done")


@task
def write_when(file: str, there: str) -> None:
    """Append to a file that it has begun, and once the file `there` is made, that it is done."""
    append(file, "begun")
    while not Path(there).exists():
        time.sleep(0.01)
    append(file, "done")


def append(file: str, line: str) -> None:
    with Path(file).open("a") as opened:
        opened.write(f"{line}\n")


@task
def odd() -> set[int]:
    return {1, 2}


@task
def interrupt() -> None:
    raise KeyboardInterrupt
