"""The table of a run, as Markdown that also reads well in a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from bench import machine
from bench.figures import Figure, ratios

PACKAGES = ("django", "channels", "channels-redis", "daphne", "uvicorn", "websockets", "redis")
HEADINGS = ("", "figure", "ratios", "load CPU", "server CPU", "notes")
NOTES = """\
- Fan-out: sixteen frames are in flight at a time, and a server may write several of them together.
- Servers, and the Redis and PostgreSQL they use, run on one core; the load runs on the other.
- *Load CPU* is the load client's share of its core; above 85 % the figure is a lower bound.
- Every server is uncompressed; uvicorn runs on uvloop with `--ws websockets-sansio`.
- This project is measured as baked, in production settings over Redis: session cookie and origin
  checked, membership checked as a room is joined and for each message that is kept. Only its rate
  limits are raised, through the `REALTIME` setting, because a few clients do the work of thousands.
- The tutorial's variants keep messages in the same database with the same options (SQLite: WAL,
  synchronous FULL).
"""


def markdown(figures: Sequence[Figure], failures: Sequence[str] = (), runs: int = 1) -> str:
    rows: list[tuple[str, ...]] = [HEADINGS]
    for work in dict.fromkeys(figure.work for figure in figures):
        same = [figure for figure in figures if figure.work == work]
        rows.append((f"**{work}**", *[""] * (len(HEADINGS) - 1)))
        rows += [_row(figure, same) for figure in same]
    missed = [f"- Not measured: {failure}" for failure in failures]
    return "\n".join((_preface(runs), *_aligned(rows), "", *missed, NOTES))


def _row(figure: Figure, same: Sequence[Figure]) -> tuple[str, ...]:
    compared = [f"{ratio:.2f} x {other.key}" for other, ratio in ratios(figure, same)]
    return (
        figure.contestant.name,
        _value(figure),
        ", ".join(compared),
        f"{figure.usage.load:.0%}",
        f"{figure.usage.server:.0%}",
        "; ".join(figure.remarks),
    )


def _value(figure: Figure) -> str:
    if figure.range is None:
        return f"{number(figure.value)} {figure.unit}"
    lowest, highest = map(number, figure.range)
    return f"{number(figure.value)} ({lowest} to {highest}) {figure.unit}"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return [lines[0], rule, *lines[1:]]


def _preface(runs: int) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    medians = f" Medians of {runs} whole runs, with their ranges." if runs > 1 else ""
    return f"# Benchmark\n\n{when}. {machine.description()}. {versions}.{medians}\n"
