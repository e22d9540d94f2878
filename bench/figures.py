"""What was measured: figures, kept between runs, and their medians."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from msgspec import Struct, field, json
from msgspec.structs import astuple

from bench.usage import Usage


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M}"


class Figure(Struct):
    """What one contestant did at one work, in one round."""

    work: str
    """Figures of the same work stand in one table."""
    contestant: str
    values: Mapping[str, float]
    """By the headings of the table, units included."""
    usages: Mapping[str, Usage]
    """Of each part of the work."""
    notes: Sequence[str] = ()
    paced: bool = False
    """Whether the load went at a pace of its own, so that the server was not to be busy."""
    measured_at: str = field(default_factory=_now)


class Spread(Struct):
    """One value of several rounds."""

    median: float
    lowest: float
    highest: float


class Row(Struct):
    work: str
    contestant: str
    spreads: Mapping[str, Spread]
    notes: Sequence[str]
    """Those of any round, and on how busy all were."""
    rounds: int
    measured_at: str
    """When the latest round was."""


def kept(file: Path) -> list[Figure]:
    return json.decode(file.read_bytes(), type=list[Figure]) if file.exists() else []


def keep(file: Path, figures: Sequence[Figure]) -> None:
    file.write_bytes(json.format(json.encode(figures), indent=1))


def merged(old: Sequence[Figure], new: Sequence[Figure]) -> list[Figure]:
    """`new`, and those of `old` that it does not take the place of."""
    again = {(figure.work, figure.contestant) for figure in new}
    return [figure for figure in old if (figure.work, figure.contestant) not in again] + list(new)


def rows(figures: Sequence[Figure]) -> list[Row]:
    """For each work and contestant the medians of its rounds, each value by itself."""
    rounds: dict[tuple[str, str], list[Figure]] = {}
    for figure in figures:
        rounds.setdefault((figure.work, figure.contestant), []).append(figure)
    return [_row(same) for same in rounds.values()]


def _row(figures: Sequence[Figure]) -> Row:
    first = figures[0]
    columns = {name: [figure.values[name] for figure in figures] for name in first.values}
    return Row(
        first.work,
        first.contestant,
        {name: Spread(median(all_), min(all_), max(all_)) for name, all_ in columns.items()},
        [*dict.fromkeys(note for figure in figures for note in figure.notes), *_busy(figures)],
        len(figures),
        max(figure.measured_at for figure in figures),
    )


def _busy(figures: Sequence[Figure]) -> Iterator[str]:
    for part in figures[0].usages:
        usages = [figure.usages[part] for figure in figures]
        middle = Usage(*map(median, zip(*map(astuple, usages), strict=True)))
        for remark in middle.remarks(paced=figures[0].paced):
            yield f"{part}: {remark}" if part else remark
