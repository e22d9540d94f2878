"""How far long work is: a line on a terminal, and what Ctrl-C says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from django.core.management.base import CommandError, OutputWrapper

INTERRUPTED = 130  # what a shell calls a command that SIGINT has ended


@contextmanager
def progress(out: OutputWrapper, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how much of a command's work is done, and say it after Ctrl-C.

    Gives what is called with the number of further ones that are done, after their commit.

    Args:
        out: the command's `stderr`; nothing is shown where it is no terminal.
        what: what is counted, such as `people`.

    Raises:
        CommandError: the work was interrupted.
    """
    done, began_at = 0, monotonic()

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if out.isatty():
            rate = done / max(monotonic() - began_at, 0.001)
            line = f"\r{done:,} of {total:,} {what}, {rate:,.0f} a second\x1b[K"
            out.write(line, style_func=str, ending="\n" if done >= total else "")
            out.flush()

    try:
        yield advance
    except KeyboardInterrupt:
        stopped = f"Stopped after {done:,} of {total:,} {what}; run it again for the rest."
        raise CommandError(stopped, returncode=INTERRUPTED) from None
