"""Command line: measure, print the tables, write them."""

import argparse
import sys
from pathlib import Path

import uvloop

from bench import figures, machine, plan, report
from bench.contestants import HERE, WORK
from bench.prepare import prepared
from bench.processes import ProgramError


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench", description="Measure the baked project.")
    parser.add_argument("--only", help=f"some of {','.join(plan.PARTS)}; the other rows stay")
    parser.add_argument("--who", help="contestants with one of these in their key: ours,socketio")
    parser.add_argument("--rounds", type=int, default=3, help="the tables have their medians")
    parser.add_argument("--tiny", action="store_true", help="a second each, to see that it works")
    return parser.parse_args()


def chosen(options: argparse.Namespace) -> list[plan.Step]:
    parts = (options.only or ",".join(plan.PARTS)).split(",")
    if unknown := set(parts) - set(plan.PARTS):
        raise SystemExit(f"No part is called {unknown.pop()}: there are {', '.join(plan.PARTS)}.")
    whom = (options.who or "").split(",")
    return [
        step
        for step in plan.steps(plan.TINY if options.tiny else plan.PUBLISHED)
        if step.part in parts and any(who in step.contestant.key for who in whom)
    ]


async def measure(steps: list[plan.Step], rounds: int, memory: Path) -> list[str]:
    """Take every figure once a round, and keep each at once.

    Returns what could not be taken, which costs no other figure.
    """
    before, taken, failures = figures.kept(memory), [], []
    async with prepared() as stage:
        for step in steps * rounds:
            try:
                figure = await step.measure(stage, step.contestant)
            except Exception as error:
                what, why = f"{step.part}, {step.contestant.name}", explanation(error)
                print(f"{what}: {why}", file=sys.stderr)
                failures.append(f"{what}: {why.strip().splitlines()[-1]}")
            else:
                taken.append(figure)
                figures.keep(memory, figures.merged(before, taken))
                values = (f"{report.number(value)} {name}" for name, value in figure.values.items())
                print(f"{figure.work}: {figure.contestant}: {', '.join(values)}", file=sys.stderr)
    return failures


def explanation(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def main() -> int:
    options = arguments()
    steps = chosen(options)
    machine.claim()
    output: Path = WORK / "tiny" if options.tiny else HERE
    output.mkdir(parents=True, exist_ok=True)
    memory = output / "figures.json"
    try:
        failures = uvloop.run(measure(steps, options.rounds, memory))
    except ProgramError as died:
        raise SystemExit(str(died)) from None
    table = report.markdown(figures.rows(figures.kept(memory)), failures)
    (output / "results.md").write_text(table)
    print(table)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
