"""One measured figure, and how it stands to others of the same run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.contestants import Contestant
from bench.usage import BUSY, CROWDED, Usage


@dataclass(frozen=True)
class Figure:
    work: str
    """What was done; figures of the same work can be compared."""
    contestant: Contestant
    value: float
    unit: str
    usage: Usage
    baselines: tuple[str, ...] = ()
    """Keys of the contestants that this figure is set against."""
    notes: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    """The lowest and the highest value of several runs, of which `value` is the median."""

    @property
    def remarks(self) -> tuple[str, ...]:
        usage = self.usage
        limited = ("the load was the limit: at least this",) * (usage.load > BUSY)
        crowded = (f"{usage.queued:.0%} of the time others had a core of this",)
        return self.notes + limited + crowded * (usage.queued > CROWDED)


def ratios(figure: Figure, figures: Sequence[Figure]) -> list[tuple[Contestant, float]]:
    """The figure divided by those of its baselines that were measured at the same work."""
    return [
        (other.contestant, figure.value / other.value)
        for key in figure.baselines
        for other in figures
        if other is not figure
        and other.contestant.key == key
        and other.work == figure.work
        and other.value
    ]


def medians(figures: Sequence[Figure]) -> list[Figure]:
    """For each work and contestant the figure of its median run, with the range of all."""
    runs: dict[tuple[str, str], list[Figure]] = {}
    for figure in figures:
        runs.setdefault((figure.work, figure.contestant.key), []).append(figure)
    return [_median(same) for same in runs.values()]


def _median(figures: list[Figure]) -> Figure:
    ordered = sorted(figures, key=lambda figure: figure.value)
    if len(ordered) == 1:
        return ordered[0]
    span = ordered[0].value, ordered[-1].value
    return replace(ordered[(len(ordered) - 1) // 2], range=span)
