"""How far long work is: a line on a terminal, and where Ctrl-C has stopped it."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from time import monotonic
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

INTERRUPTED = 130  # what a shell says of a command that SIGINT has ended

Advance = Callable[..., None]
"""Called after each part with how many it has done, of how many, and how to go on after Ctrl-C."""


def silently(count: int, total: int, again: str = "") -> None:
    """The `Advance` of work that nobody watches."""


@contextmanager
def progress(out: OutputWrapper, what: str) -> Iterator[Advance]:
    """Show how much of a command's work is done, and let Ctrl-C stop it between two parts.

    Args:
        out: the command's `stderr`; it shows nothing where it is no terminal.
        what: what is counted, such as `people`.

    Raises:
        CommandError: the work was stopped. Another Ctrl-C stops it at once.
    """
    done, stopped, began_at = 0, False, monotonic()

    def stop(*_: Any) -> None:  # Any: as a handler of signals is called
        nonlocal stopped
        stopped = True
        signal.signal(signal.SIGINT, before)

    def advance(count: int, total: int, again: str = "") -> None:
        nonlocal done
        done += count
        if out.isatty():
            rate = done / max(monotonic() - began_at, 0.001)
            line = f"\r{done:,} of {total:,} {what}, {rate:,.0f} a second\x1b[K"
            out.write(line, style_func=str, ending="\n" if stopped or done == total else "")
            out.flush()
        if stopped and done < total:
            again = f"run it again {again}".strip()
            raise CommandError(
                f"Stopped after {done:,} of {total:,} {what}; {again} for the rest.",
                returncode=INTERRUPTED,
            )

    takes_signals = current_thread() is main_thread()
    before = signal.signal(signal.SIGINT, stop) if takes_signals else None
    try:
        yield advance
    finally:
        if takes_signals:
            signal.signal(signal.SIGINT, before)
