"""One measured figure, and how it stands to others of the same run."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.contestants import Contestant
from bench.usage import BUSY, Usage


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

    @property
    def remarks(self) -> tuple[str, ...]:
        limited = self.usage.load > BUSY
        return self.notes + ("the load was the limit: at least this",) * limited


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
