"""The figures of a run as a bar chart in SVG: a panel for each work, a bar for each contestant."""

from collections.abc import Iterator, Sequence
from html import escape

from bench.figures import Figure
from bench.report import number

WIDTH = 960
LABEL = 430
ROOM_FOR_NUMBER = 150
BAR = 16
STEP = 22
HEADING = 34
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .work { font-weight: 600; font-size: 13px }
  rect { fill: #8c959f }
  rect.ours { fill: #1f6feb }
  @media (prefers-color-scheme: dark) { text { fill: #d0d7de } }
"""


def svg(figures: Sequence[Figure]) -> str:
    works = dict.fromkeys(figure.work for figure in figures)
    height = len(figures) * STEP + len(works) * HEADING + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}" role="img">',
        f"<title>Benchmark</title><style>{STYLE}</style>",
    ]
    top = 0
    for work in works:
        panel = [figure for figure in figures if figure.work == work]
        parts += _panel(work, panel, top)
        top += HEADING + len(panel) * STEP
    return "\n".join((*parts, "</svg>", ""))


def _panel(work: str, figures: Sequence[Figure], top: int) -> Iterator[str]:
    most = max(figure.value for figure in figures) or 1
    yield f'<text class="work" x="8" y="{top + 24}">{escape(work)}, {figures[0].unit}</text>'
    for place, figure in enumerate(figures):
        y = top + HEADING + place * STEP
        length = max(1, (WIDTH - LABEL - ROOM_FOR_NUMBER) * figure.value / most)
        ours = ' class="ours"' if figure.contestant.key.startswith("ours") else ""
        baseline = y + BAR - 4
        yield f'<text x="{LABEL - 8}" y="{baseline}" text-anchor="end">'
        yield f"{escape(figure.contestant.name)}</text>"
        yield f'<rect{ours} x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}"/>'
        yield f'<text x="{LABEL + length + 6:.1f}" y="{baseline}">{number(figure.value)}</text>'
