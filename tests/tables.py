"""Tables of what tests measured, shown at the end of the run so that they can be quoted."""

from collections.abc import Sequence

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

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.rows:
            return
        terminalreporter.section(self.title)
        lines = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        lines.insert(1, tuple("-" * width for width in widths))
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            terminalreporter.write_line(f"| {' | '.join(cells)} |")


def shown_at_the_end(config: pytest.Config, table: Table) -> Table:
    """Have pytest print the table when the tests are through."""
    config.pluginmanager.register(table)  # under no name: each server has a table of the same title
    return table


def curve(samples: Sequence[float], points: int = 16) -> str:
    """A line of small bars: how a figure went over time, from zero to its highest."""
    step = max(len(samples) / points, 1)
    picked = [samples[int(n * step)] for n in range(min(points, len(samples)))]
    highest = max(picked, default=0) or 1
    return "".join(SPARKS[round(each / highest * (len(SPARKS) - 1))] for each in picked)


def _text(cell: object) -> str:
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)
