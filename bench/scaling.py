"""What the same work costs in more and more processes: it scales while that stays the same."""

from functools import partial

from bench import fanout, joining, messages
from bench.contestants import Contestant
from bench.figures import Figure
from bench.machine import LOAD_CORE, SERVER_CORE
from bench.stage import Crowd, Stage
from bench.usage import Usage

BOTH_CORES = frozenset({SERVER_CORE, LOAD_CORE})


async def measure(
    stage: Stage, contestant: Contestant, processes: int, size: int, pages: int, seconds: float
) -> Figure:
    """Measure deliveries, messages and joins; the processes may run on the load's core too."""
    values: dict[str, float] = {}
    usages: dict[str, Usage] = {}

    def note(what: str, usage: Usage, count: float) -> None:
        used = ("server", usage.server), ("Redis", usage.redis), ("PostgreSQL", usage.database)
        for who, cores in used:
            values[f"{what}: {who}, ms"] = cores * usage.seconds * 1e3 / max(count, 1)
        usages[what] = usage

    site_of = partial(
        stage.site, contestant, processes=processes, database="postgres", cores=BOTH_CORES
    )
    async with site_of(Crowd(size)) as site:
        speakers, sockets = await fanout.gathered(site, kept=False)
        spoken = await fanout.spoken(speakers, sockets, site, in_flight=1, seconds=seconds)
        note("1,000 deliveries", spoken.usage, spoken.delivered / 1_000)

    setting = messages.PACED_ROOMS
    async with site_of(setting.crowd) as site:
        written = await messages.written(site, setting, seconds)
        note("a message to 10", written.usage, written.acked)

    work = joining.Joining(pages, "postgres", rooms_each=1)
    async with site_of(work.crowd) as site:
        joined = await joining.joined(site, contestant.page)
        note("a page's join", joined.in_all, pages)

    name = f"{contestant.name}, {processes} process{'es' * (processes > 1)}"
    return Figure("Cost by processes, PostgreSQL", name, values, usages, paced=True)
