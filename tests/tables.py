"""A plugin of pytest: tables of what tests measured, to be quoted, at the end of the run."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

SPARKS = "▁▂▃▄▅▆▇█"


class Table:
    """Rows that tests add as they go.

    Args:
        title: what the rows are about.
        columns: their headings; cells are given in this order.
    """

    def __init__(self, title: str, *columns: str) -> None:
        self.title = title
        self.columns = columns
        self.rows: list[tuple[str, ...]] = []

    def add(self, *cells: object) -> None:
        """Add a row; a number with a fraction is shown with two decimals."""
        self.rows.append(tuple(_text(cell) for cell in cells))


shown: list[Table] = []


def shown_at_the_end(table: Table) -> Table:
    """Have pytest print the table when the tests are through."""
    shown.append(table)  # under no name: each server has a table of the same title
    return table


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In one of several processes, send the tables to the one that prints."""
    if output := getattr(session.config, "workeroutput", None):
        output["tables"] = [(each.title, each.columns, each.rows) for each in shown]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # Any: xdist has no types
    for title, columns, rows in getattr(node, "workeroutput", {}).get("tables", []):
        shown_at_the_end(Table(title, *columns)).rows.extend(rows)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for table in shown:
        if table.rows:
            terminalreporter.section(table.title)
            for line in _lines([table.columns, *table.rows]):
                terminalreporter.write_line(line)


def curve(samples: Sequence[float], points: int = 16) -> str:
    """A line of small bars: how a figure went over time, from zero to its highest."""
    step = max(len(samples) / points, 1)
    picked = [samples[int(n * step)] for n in range(min(points, len(samples)))]
    highest = max(picked, default=0) or 1
    return "".join(SPARKS[round(each / highest * (len(SPARKS) - 1))] for each in picked)


def _lines(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"| {' | '.join(cells)} |"


def _text(cell: object) -> str:
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)
