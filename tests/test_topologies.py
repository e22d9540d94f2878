"""Services of several servers: Redis that shares the groups out, masters that change."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection

from tests.conftest import Bake, Prepare
from tests.conversations import SETTLE_SECONDS, Conversation, received
from tests.programs import program
from tests.services import Postgres, Redis, answers, end, free_port, wait_for
from tests.sites import LIMITS, Site
from tests.wire import Json, opened

SEND = json.dumps({"id": "1", "type": "message.send", "data": {"client_id": "1", "body": "hello"}})

AtWork = Callable[[str], AbstractContextManager[Site]]


class Sentinel:
    """A Redis with a replica, and the sentinel that makes the replica the master when it must."""

    def __init__(self, folder: Path) -> None:
        self.master, self.replica = Redis(), Redis()
        self.port = free_port()
        self.url = f"sentinel://127.0.0.1:{self.port}/mymaster"
        self.configuration = folder / "sentinel.conf"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.master.start()
        self.replica.start()
        ask(self.replica.port, "REPLICAOF", "127.0.0.1", str(self.master.port))
        self.configuration.write_text(
            f"port {self.port}\nbind 127.0.0.1\n"
            f"sentinel monitor mymaster 127.0.0.1 {self.master.port} 1\n"
            "sentinel down-after-milliseconds mymaster 1000\n"
            "sentinel failover-timeout mymaster 3000\n"
        )
        command: list[str | Path] = [program("redis-server"), self.configuration, "--sentinel"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(lambda: answers(self.port), "the sentinel", self.process)
        wait_for(lambda: "slave0" in ask(self.master.port, "INFO", "replication"), "the replica")
        wait_for(lambda: str(self.replica.port) in self.known_replicas(), "the sentinel's look")

    def known_replicas(self) -> str:
        return ask(self.port, "SENTINEL", "REPLICAS", "mymaster")

    def has_another_master(self) -> bool:
        return "role:master" in ask(self.replica.port, "INFO", "replication")

    def fail_over(self) -> None:
        """Kill the master; return when the replica is one and the site listens there."""
        self.master.kill()
        wait_for(self.has_another_master, "another master", self.process)
        wait_for(lambda: channels(self.replica) > 0, "the site at the new master", self.process)

    def stop(self) -> None:
        end(self.process)
        self.replica.stop()
        self.master.stop()


def ask(port: int, *command: str) -> str:
    """What a server answers; nothing where it hangs up, as one does to all when it is promoted."""
    client = [program("redis-cli"), "-p", str(port), *command]
    return subprocess.run(client, capture_output=True, text=True, check=False).stdout


@pytest.fixture
def at_work(bake: Bake, python: Path, prepare: Prepare, postgres: Postgres) -> AtWork:
    """A site on these Redis servers, with people in it."""

    @contextmanager
    def at_work(redis_url: str) -> Iterator[Site]:
        surroundings = {
            "DATABASE_URL": postgres.create_database(),
            "REDIS_URL": redis_url,
            "REALTIME": json.dumps(LIMITS),
        }
        project = bake(asgi_server="uvicorn")
        prepare(project, **surroundings)
        with Site("uvicorn", project, python, surroundings, Redis()) as site:
            yield site

    return at_work


async def talk(site: Site, happens: Callable[[], None] = lambda: None) -> None:
    """People on two processes talk while something happens, and nothing may be missing."""
    async with Conversation(site, site.pair()) as conversation:
        await conversation.goes_on()
        await asyncio.to_thread(happens)
        await conversation.goes_on()
        outcome = await conversation.settle()
    outcome.check()


def channels(redis: Redis) -> int:
    """How many channels somebody listens to."""
    return len(ask(redis.port, "PUBSUB", "CHANNELS").split())


def test_groups_spread_over_several_redis(at_work: AtWork) -> None:
    used: list[int] = []

    async def scene(site: Site, one: Redis, two: Redis) -> None:
        url, session = site.pair()[0].websocket_url, site.people[0].session
        async with opened(url, "/ws/chat/", session) as all_rooms:
            await received(all_rooms, "welcome")
            await talk(site, lambda: used.extend([channels(one), channels(two)]))

    with Redis() as one, Redis() as two, at_work(f"{one.url},{two.url}") as site:
        asyncio.run(scene(site, one, two))
    assert min(used) > 10


def test_a_sentinel_names_another_master(at_work: AtWork, tmp_path: Path) -> None:
    sentinel = Sentinel(tmp_path)
    sentinel.start()
    try:
        with at_work(sentinel.url) as site:
            asyncio.run(talk(site, sentinel.fail_over))
            assert sentinel.has_another_master()
    finally:
        sentinel.stop()


def test_a_message_waits_while_postgresql_is_a_standby(
    at_work: AtWork, postgres: Postgres, redis_url: str
) -> None:
    async def scene(site: Site) -> None:
        server = site.pair()[0]
        database = site.environment["DATABASE_URL"].rpartition("/")[2]
        path = f"/ws/chat/{site.new_room()}/"
        async with opened(server.websocket_url, path, site.people[0].session) as client:
            await received(client, "welcome")
            become(postgres, database, "on")
            for _ in range(2):  # the first finds that the connection has ended
                await client.send(SEND)
                refused = await received(client, "error")
                assert refused["data"]["code"] == "unavailable"
                assert refused["data"]["retry_after"] == 1
            assert '"exception": ' not in server.log  # a line, and no traceback
            become(postgres, database, "off")
            async with asyncio.timeout(SETTLE_SECONDS):
                # Each thread of the server finds for itself that its connection has ended.
                while (answer := await answered(client))["type"] == "error":
                    assert answer["data"]["code"] == "unavailable"
            assert answer["data"]["body"] == "hello"

    with at_work(redis_url) as site:
        asyncio.run(scene(site))


async def answered(client: ClientConnection) -> Json:
    """Send the message; return what comes of it, the message or an error."""
    await client.send(SEND)
    while True:
        frame: Json = json.loads(await client.recv())
        if frame["type"] in ("error", "message.created"):
            return frame


def become(postgres: Postgres, database: str, read_only: str) -> None:
    """Let the database take no writes, or take them again, and lose its connections."""
    setting = f"ALTER DATABASE {database} SET default_transaction_read_only"
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
    assert postgres.sql(f"{setting} = {read_only}")
    assert postgres.sql(ended)
