"""The tables of a run, as Markdown that also reads well in a terminal."""

from collections.abc import Sequence
from importlib.metadata import version

from bench import machine
from bench.figures import Row, Spread

PACKAGES = ("django", "channels", "channels-redis", "daphne", "uvicorn", "websockets", "redis")
NOTES = """\
## What is measured

- Each figure is the median of its rounds, with the range of all in brackets. In a round every
  contestant is measured once, those of a table one after the other.
- Servers, and the Redis and PostgreSQL they use, run on one core; the load runs on the other. In
  "Cost by processes" servers may use both.
- A note says what limited a figure, where it was not the server: who used which share of a core,
  if the server used less than 90 % of one; that the server could do more, if the load used 90 % of
  its own. Another says so where other programs took more than 10 % of a core.
- Every server is uncompressed; uvicorn runs on uvloop with `--ws websockets-sansio`.
- This project is measured as baked, in production settings over Redis: session cookie and origin
  checked, membership checked as a room is joined and for each message that is kept. For `typing` it
  is not looked up again: whoever is removed from a room is dismissed from it. Only its rate limits
  are raised, through the `REALTIME` setting, because a few clients do the work of thousands.
- Fan-out: one frame in flight means that the next is sent when everyone has the last, so that a
  write has one frame; with sixteen, a server may write several together. Deliveries a write are
  frames for each TCP segment that came, which on loopback is one write.
- Delivery is measured from the sender's write to the moment at which another member's client reads
  it. The acknowledgement of a server that sends none is the sender's own copy.
- A page joins by `/ws/`: notifications, presence, the list of rooms and one room, as the scripts of
  a room's page do. The tutorial and Socket.IO beside it read the same from tables of their own:
  rooms with the last message and a count of unread ones, notifications, members, and who belongs to
  each room in place of presence. Everyone has been there before.
- The memory of a socket is that of the server process, after 200 have come before it. It includes
  what Node has not collected yet, so Socket.IO's varies where few sockets come.
- The tutorial's variants keep messages in the same database with the same options (SQLite: WAL,
  synchronous FULL). Socket.IO keeps them by an `INSERT` of its own, unordered and unchecked, and
  signs nobody in.
"""


def markdown(rows: Sequence[Row], failures: Sequence[str] = ()) -> str:
    parts = [_preface()]
    for work in dict.fromkeys(row.work for row in rows):
        same = [row for row in rows if row.work == work]
        rounds, when = max(row.rounds for row in same), max(row.measured_at for row in same)
        parts += [f"## {work}", "", f"Rounds: {rounds}; {when} UTC.", "", *_table(same), ""]
    parts += [f"- Not measured: {failure}" for failure in dict.fromkeys(failures)]
    return "\n".join((*parts, NOTES))


def _table(rows: Sequence[Row]) -> list[str]:
    columns = list(rows[0].spreads)
    cells = [
        ["", *columns, "notes"],
        *(
            [row.contestant, *(_value(row.spreads[name]) for name in columns), "; ".join(row.notes)]
            for row in rows
        ),
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return [lines[0], rule, *lines[1:]]


def _value(spread: Spread) -> str:
    if spread.lowest == spread.highest:
        return number(spread.median)
    return f"{number(spread.median)} ({number(spread.lowest)} to {number(spread.highest)})"


def number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _preface() -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"# Benchmark\n\n{machine.description()}. {versions}.\n"
