"""Command line: measure, print the table, write it and its plot."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import uvloop

from bench import machine, plan, plot, report
from bench.contestants import HERE
from bench.figures import Figure, medians
from bench.prepare import prepared
from bench.processes import ProgramError


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench", description="Measure the baked project.")
    parser.add_argument("--full", action="store_true", help="the sizes of the published table")
    parser.add_argument("--only", help=f"some of {','.join(plan.PARTS)}")
    parser.add_argument("--who", help="contestants with one of these in their key: ours,socketio")
    parser.add_argument("--sizes", help="members of the fan-out's room: 200,1000")
    parser.add_argument("--sockets", type=int, help="how many idle sockets, and in the storm")
    parser.add_argument("--seconds", type=float, help="how long each rate is measured")
    parser.add_argument("--runs", type=int, default=1, help="how often; the table has the medians")
    parser.add_argument("--output", type=Path, default=HERE, help="where results.md and .svg go")
    return parser.parse_args()


def chosen(options: argparse.Namespace) -> list[plan.Step]:
    sizes = plan.FULL if options.full else plan.QUICK
    if options.sizes:
        sizes = replace(sizes, rooms=tuple(int(size) for size in options.sizes.split(",")))
    if options.sockets:
        sizes = replace(sizes, idle_sockets=options.sockets, storm_sockets=options.sockets)
    if options.seconds:
        sizes = replace(sizes, seconds=options.seconds)
    parts = (options.only or ",".join(plan.PARTS)).split(",")
    if unknown := set(parts) - set(plan.PARTS):
        raise SystemExit(f"No part is called {unknown.pop()}: there are {', '.join(plan.PARTS)}.")
    whom = (options.who or "").split(",")
    return [
        step
        for step in plan.steps(sizes)
        if step.part in parts and any(who in step.contestant.key for who in whom)
    ]


async def measure(steps: list[plan.Step], runs: int) -> tuple[list[Figure], list[str]]:
    """Take every figure, in as many runs; one that cannot be taken is reported and costs no other.

    Returns the medians of the runs.
    """
    figures, failures = [], []
    async with prepared() as stage:
        for step in steps * runs:
            try:
                figures.append(await step.measure(stage))
            except Exception as error:
                what, why = f"{step.part}, {step.contestant.name}", explanation(error)
                print(f"{what}: {why}", file=sys.stderr)
                failures.append(f"{what}: {why.strip().splitlines()[-1]}")
            else:
                last = figures[-1]
                value = f"{report.number(last.value)} {last.unit}"
                print(f"{last.work}: {last.contestant.name}: {value}", file=sys.stderr)
    return medians(figures), failures


def explanation(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def main() -> int:
    options = arguments()
    steps = chosen(options)
    machine.claim()
    try:
        figures, failures = uvloop.run(measure(steps, options.runs))
    except ProgramError as died:
        raise SystemExit(str(died)) from None
    table = report.markdown(figures, failures, options.runs)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "results.md").write_text(table)
    (options.output / "results.svg").write_text(plot.svg(figures))
    print(table)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
