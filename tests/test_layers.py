"""A site over each channel layer: two processes and a worker, and the layer's server killed."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, Self

import pytest

from tests.conftest import Bake, Manage, Prepare
from tests.conversations import Conversation, Outcome, until
from tests.projects import Server, served
from tests.services import Nats, Postgres, Redis, Valkey, wait_for
from tests.sites import LIMITS, Site
from tests.tables import Table, shown_at_the_end
from tests.test_tasks import RUNWORKER
from tests.test_topologies import Sentinel

# No heartbeat comes within a test, so that only the layer can show an event, or its return a loss.
SILENT = LIMITS | {"HEARTBEAT_SECONDS": 600}
WOKEN_SECONDS = 8  # a worker that nobody wakes looks every ten seconds

CARRY = """
import asyncio, json
from channels.layers import get_channel_layer

FIRST = {"type": "first", "text": "é", "bytes": bytes(range(256)), "list": [1, None]}


async def join(layer, group, channel):
    await layer.group_add(group, channel)
    heard = asyncio.create_task(layer.receive(channel))
    while not heard.done():  # `group_add` may return before the layer delivers
        await layer.group_send(group, FIRST)
        await asyncio.wait([heard], timeout=0.1)
    assert heard.result() == FIRST


async def receive(layer, channel):
    message = FIRST
    while message == FIRST:
        message = await layer.receive(channel)
    return message


async def carry():
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await join(layer, "try-it", channel)
    for characters in [*range(5_500, 5_900), 900_000]:  # around a notification, and a whole MiB
        await layer.group_send("try-it", {"type": "x" * characters})
        assert await receive(layer, channel) == {"type": "x" * characters}
    if hasattr(layer, "group_send_all"):
        await join(layer, "try-it-too", channel)
        many = {"try-it": {"type": "y" * 20_000}, "unheard": FIRST, "try-it-too": {"type": "z"}}
        await layer.group_send_all(many)
        types = [(await receive(layer, channel))["type"] for _ in range(2)]
        assert sorted(types) == ["y" * 20_000, "z"]
        await layer.group_discard("try-it-too", channel)
    await layer.group_discard("try-it", channel)
    await layer.group_send("try-it", {"type": "unheard"})
    await layer.send(channel, {"type": "last"})
    return await receive(layer, channel)


print(json.dumps(asyncio.run(carry())))
"""
SPREAD = """
import asyncio, json
from channels.layers import get_channel_layer
from redis.exceptions import ConnectionError

GROUPS = [f"group-{number}" for number in range(12)]


async def new_channel(layer):
    while True:
        try:
            return await layer.new_channel()
        except ConnectionError:  # its name led to the server that is down
            pass


async def spread():
    layer = get_channel_layer()
    channel = await new_channel(layer)
    up, down = [], []
    for group in GROUPS:
        try:
            await layer.group_add(group, channel)
            up.append(group)
        except ConnectionError:
            down.append(group)
    for order in (up + down, down + up):
        messages = {group: {"type": group} for group in order}
        try:
            await layer.group_send_all(messages)
            assert not down, "the failure is told"
        except ConnectionError:
            assert set(down) <= messages.keys(), "what cannot be sent is left"
        sent = [group for group in order if group not in messages]
        heard = [(await layer.receive(channel))["type"] for _ in sent]
        assert sorted(heard) == sorted(sent)
        if order[0] in up:
            assert set(sent) == set(up)
    return len(up), len(down)


print(json.dumps(asyncio.run(spread())))
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
    """The server of a layer, which runs as long as it is entered."""

    url: str

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


class Core(Redis):
    form = "redis+core://127.0.0.1:{port}/0"


class FailingOver(Sentinel):
    """Is back when the replica has become the master."""

    def start(self) -> None:
        wait_for(self.has_another_master, "another master", self.process)

    def kill(self) -> None:
        self.master.kill()

    def __enter__(self) -> Self:
        super().start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Database(Postgres):
    url: str

    def __enter__(self) -> Self:
        self.settings["synchronous_commit"] = "on"  # it is killed
        super().__enter__()
        self.url = self.create_database()
        return self


MAKERS: dict[str, Callable[[Path], Broker]] = {
    "redis": lambda folder: Redis(),
    "redis+core": lambda folder: Core(),
    "sentinel": FailingOver,
    "valkey": lambda folder: Valkey(),
    "nats": lambda folder: Nats(),
    "postgres": lambda folder: Database(),
}


@pytest.fixture(scope="module")
def table() -> Table:
    columns = ("layer", "sent", "acknowledged", "seen by all", "lost", "doubled", "reordered")
    rest = ("longest gap, s", "woken, s")
    return shown_at_the_end(Table("Layers killed and back", *columns, *rest))


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    return bake(asgi_server="uvicorn")


@contextmanager
def people_on(project: Path, python: Path, prepare: Prepare, **addresses: str) -> Iterator[Site]:
    """A site with people; its tasks run in a worker."""
    surroundings = served(
        DEBUG="false", TASKS_IN_WEB="false", REALTIME=json.dumps(SILENT), **addresses
    )
    prepare(project, **surroundings)
    with Site("uvicorn", project, python, surroundings, Redis()) as site:
        yield site


@pytest.fixture(scope="module")
def site(
    project: Path, python: Path, prepare: Prepare, postgres: Postgres, redis_url: str
) -> Iterator[Site]:
    """A site whose Redis stays while its layer is killed."""
    database = postgres.create_database()
    with people_on(project, python, prepare, DATABASE_URL=database, REDIS_URL=redis_url) as site:
        yield site


@contextmanager
def over(site: Site, url: str, processes: int) -> Iterator[tuple[list[Server], Server]]:
    """Servers and a worker of the site, over that layer."""
    site.environment["LAYER_URL"] = url
    worker = Server(site.python, site.project, served(**site.environment), RUNWORKER)
    with ExitStack() as stack:
        stack.push(worker)
        worker.launch()
        servers = [stack.enter_context(site.serving()) for _ in range(processes)]
        yield servers, worker
        for process in [*servers, worker]:
            assert '"exception": ' not in process.log, process.log  # a line, and no traceback


async def talk(site: Site, broker: Broker, servers: list[Server]) -> Outcome:
    """People talk while the layer is killed and comes back, and nothing may be missing."""

    async def said(words: str) -> None:
        await until(lambda: all(words in server.log for server in servers), words)

    async with Conversation(site, servers, silences=(600,)) as conversation:
        await conversation.goes_on()
        await asyncio.to_thread(broker.kill)
        await said("The channel layer failed")
        await asyncio.to_thread(broker.start)
        await said("The channel layer answers again")
        await conversation.goes_on()
        return await conversation.settle()


def woken(site: Site, folder: Path) -> float:
    """In how many seconds a task of a command is done by the worker."""
    *_, last = site.inside(ENQUEUE.format(file=str(folder / "written")))
    return float(last)


def test_many_groups_are_sent_to_over_two_redis_of_which_one_is_down(
    project: Path, manage: Manage
) -> None:
    """A failure leaves what was not sent: of the server that is down, and of those after it."""
    with Redis() as one, Redis() as two:
        addresses = {"REDIS_URL": one.url, "LAYER_URL": f"{one.url},{two.url}"}

        def spread() -> list[int]:
            said = manage(project, "shell", "-v", "0", "-c", SPREAD, **addresses)
            up_and_down: list[int] = json.loads(said)
            return up_and_down

        assert spread() == [12, 0]
        two.kill()
        up, down = spread()
        assert (up > 0, down > 0, up + down) == (True, True, 12)
        two.start()
        assert spread() == [12, 0]


@pytest.mark.parametrize("kind", MAKERS)
def test_nothing_is_lost_over_a_layer_that_is_killed(
    site: Site, table: Table, tmp_path: Path, kind: str
) -> None:
    with MAKERS[kind](tmp_path) as broker, over(site, broker.url, 2) as (servers, _):
        outcome = asyncio.run(talk(site, broker, servers))
        assert site.inside(CARRY) == {"type": "last"}
        seconds = woken(site, tmp_path)
    table.add(kind, *outcome.cells, seconds)
    outcome.check()
    assert seconds < WOKEN_SECONDS


def test_nothing_is_lost_on_postgresql_alone(
    project: Path, python: Path, prepare: Prepare, table: Table, tmp_path: Path
) -> None:
    """The database that is killed is the layer too, and there is no Redis."""
    with (
        Database() as database,
        people_on(
            project, python, prepare, DATABASE_URL=database.url, LAYER_URL=database.url
        ) as site,
        over(site, database.url, 1) as (servers, _),
    ):
        outcome = asyncio.run(talk(site, database, servers))
        seconds = woken(site, tmp_path)
    table.add("postgres alone", *outcome.cells, seconds)
    outcome.check()
    assert seconds < WOKEN_SECONDS
