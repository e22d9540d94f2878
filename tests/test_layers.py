"""A site over each channel layer: two processes and a worker, and the layer's server killed."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.conftest import Bake, Manage
from tests.conversations import Conversation, until
from tests.projects import Server, served
from tests.services import Nats, Postgres, Redis, Valkey, wait_for
from tests.sites import BUDGETS, LIMITS, Site
from tests.tables import Table, shown_at_the_end
from tests.test_tasks import RUNWORKER
from tests.test_topologies import Sentinel

# No heartbeat comes within a test, so that only the layer can show an event, or its return a loss.
SILENT = LIMITS | {"HEARTBEAT_SECONDS": 600}
WOKEN_SECONDS = 4  # a worker that nobody wakes looks every ten seconds

CARRY = """
import asyncio, json
from channels.layers import get_channel_layer

FIRST = {"type": "first", "text": "é", "bytes": bytes(range(256)), "list": [1, None]}


async def carry():
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("try-it", channel)
    heard = asyncio.create_task(layer.receive(channel))
    while not heard.done():  # `group_add` may return before the layer delivers
        await layer.group_send("try-it", FIRST)
        await asyncio.wait([heard], timeout=0.1)
    assert heard.result() == FIRST
    for characters in [*range(5_500, 5_900), 900_000]:  # around a notification, and a whole MiB
        await layer.group_send("try-it", {"type": "x" * characters})
        message = FIRST
        while message == FIRST:
            message = await layer.receive(channel)
        assert message == {"type": "x" * characters}
    await layer.group_discard("try-it", channel)
    await layer.group_send("try-it", {"type": "unheard"})
    await layer.send(channel, {"type": "last"})
    return await layer.receive(channel)


print(json.dumps(asyncio.run(carry())))
"""
ENQUEUE = """
import json, time
from realtime.tests import jobs

waits = []
for number in range(3):
    began = time.monotonic()
    result = jobs.write.enqueue({file!r}, str(number))
    while not result.is_finished:
        time.sleep(0.02)
        result.refresh()
    waits.append(time.monotonic() - began)
print(json.dumps(waits))
"""


class Broker(Protocol):
    """The server of a layer."""

    url: str

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def stop(self) -> None: ...


class Core(Redis):
    form = "redis+core://127.0.0.1:{port}/0"


class FailingOver(Sentinel):
    """Starts again by letting the replica become the master."""

    def start(self) -> None:
        if self.process is None:
            super().start()
        else:
            wait_for(self.has_another_master, "another master", self.process)

    def kill(self) -> None:
        self.master.kill()


class PostgresLayer(Postgres):
    def start(self) -> None:
        super().start()
        if not hasattr(self, "url"):
            self.url = self.create_database()


MAKERS: dict[str, Callable[[Path], Broker]] = {
    "redis": lambda folder: Redis(),
    "redis+core": lambda folder: Core(),
    "sentinel": FailingOver,
    "valkey": lambda folder: Valkey(),
    "nats": lambda folder: Nats(),
    "postgres": lambda folder: PostgresLayer(),
}


@pytest.fixture(scope="module")
def table(pytestconfig: pytest.Config) -> Table:
    columns = ("layer", "sent", "acknowledged", "seen by all", "lost", "doubled", "reordered")
    rest = ("longest gap, s", "woken, s")
    return shown_at_the_end(pytestconfig, Table("Layers killed and back", *columns, *rest))


@pytest.fixture(scope="module")
def site(
    bake: Bake, python: Path, manage: Manage, postgres: Postgres, redis_url: str
) -> Iterator[Site]:
    """A site with people, whose Redis stays."""
    surroundings = served(
        DATABASE_URL=postgres.create_database(),
        REDIS_URL=redis_url,
        REALTIME=json.dumps(SILENT),
        BUDGETS=json.dumps(BUDGETS),
        TASKS_IN_WEB="false",
    )
    project = bake(asgi_server="uvicorn")
    manage(project, "migrate", **surroundings)
    manage(project, "collectstatic", "--no-input", **surroundings)
    with Site("uvicorn", project, python, surroundings, Redis()) as site:
        yield site


@contextmanager
def over(site: Site, broker: Broker) -> Iterator[list[Server]]:
    """Two servers and a worker of the site, over that layer."""
    broker.start()
    site.environment["LAYER_URL"] = broker.url
    with ExitStack() as stack:
        stack.callback(broker.stop)
        worker = Server(site.python, site.project, served(**site.environment), RUNWORKER)
        stack.push(worker)
        worker.launch()
        yield [*(stack.enter_context(site.serving()) for _ in range(2)), worker]


@pytest.mark.parametrize("kind", MAKERS)
def test_nothing_is_lost_over_a_layer_that_is_killed(
    site: Site, table: Table, tmp_path: Path, kind: str
) -> None:
    async def scene(broker: Broker, servers: list[Server]) -> tuple[object, ...]:
        async with Conversation(site, servers, silences=(600,)) as talk:
            await talk.goes_on()
            await asyncio.to_thread(broker.kill)
            await until(all_said(servers, "The channel layer failed"), "the loss was noticed")
            await talk.goes_on()
            await asyncio.to_thread(broker.start)
            await until(all_said(servers, "The channel layer answers again"), "the return")
            await talk.goes_on()
            outcome = await talk.settle()
        outcome.check()
        return outcome.cells

    broker = MAKERS[kind](tmp_path)
    with over(site, broker) as (one, two, worker):
        cells = asyncio.run(scene(broker, [one, two]))
        assert site.inside(CARRY) == {"type": "last"}
        *_, woken = site.inside(ENQUEUE.format(file=str(tmp_path / "written")))
        table.add(kind, *cells, woken)
        assert woken < WOKEN_SECONDS, worker.log
        for process in (one, two, worker):
            assert "Traceback" not in process.log, process.log


def all_said(servers: list[Server], words: str) -> Callable[[], bool]:
    return lambda: all(words in server.log for server in servers)
